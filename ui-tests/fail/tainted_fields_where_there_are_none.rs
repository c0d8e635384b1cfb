use gaol::Taint;

#[derive(Taint)]
struct Unit;

#[derive(Taint)]
struct Tuple();

#[derive(Taint)]
struct Named {}

fn main() {
    let _ = (Unit, Tuple(), Named {});
}
