//! The entry point around an asynchronous `main`.

gaol::main! {
    #[tokio::main(flavor = "current_thread")]
    async fn main() {
        outside::call_all();
    }
}
