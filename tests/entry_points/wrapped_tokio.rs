//! `gaol::main!` around a `main` with an attribute of its own.

#[gaol::sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

gaol::main! {
    #[tokio::main(flavor = "current_thread")]
    async fn main() -> Result<(), gaol::Error> {
        println!("main ran");
        let doubled = tokio::task::spawn_blocking(|| doubles(21)).await.expect("a task that does not panic")?;
        println!("{doubled}");
        Ok(())
    }
}
