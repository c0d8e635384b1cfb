use gaol::Taint;

#[derive(Taint)]
union Bits {
    _float: f32,
    _bits: u32,
}

fn main() {}
