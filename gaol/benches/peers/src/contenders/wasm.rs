//! A WebAssembly runtime: another way to run a function that is not trusted, if it can be compiled for it.

use std::time::{Duration, Instant};

use wasmtime::{Engine, Instance, Store, TypedFunc};

use crate::functions::next;

/// `next` and `compute` of `functions.rs`.
const TEXT: &str = r#"
(module
  (func (export "next") (param i64) (result i64)
    (i64.add (local.get 0) (i64.const 1)))
  (func (export "compute") (param $rounds i64) (param $seed i64) (result i64)
    (local $state i64) (local $sum i64)
    (local.set $state (i64.or (local.get $seed) (i64.const 1)))
    (block $done
      (loop $again
        (br_if $done (i64.eqz (local.get $rounds)))
        (local.set $state (i64.xor (local.get $state) (i64.shl (local.get $state) (i64.const 13))))
        (local.set $state (i64.xor (local.get $state) (i64.shr_u (local.get $state) (i64.const 7))))
        (local.set $state (i64.xor (local.get $state) (i64.shl (local.get $state) (i64.const 17))))
        (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (local.get $state)))
        (local.set $rounds (i64.sub (local.get $rounds) (i64.const 1)))
        (br $again)))
    (local.get $sum)))
"#;

/// The module, compiled ahead.
pub(crate) struct Module {
    engine: Engine,
    module: wasmtime::Module,
}

impl Module {
    pub(crate) fn new() -> Result<Self, String> {
        let engine = Engine::default();
        let module = wasmtime::Module::new(&engine, TEXT).map_err(|error| error.to_string())?;
        Ok(Self { engine, module })
    }

    /// Instantiates it and calls `next`.
    pub(crate) fn call(&self, number: u64) -> Result<Duration, String> {
        let begun = Instant::now();
        let mut store = Store::new(&self.engine, ());
        let got = self.instance(&mut store).and_then(|instance| {
            let function: TypedFunc<u64, u64> = instance.get_typed_func(&mut store, "next")?;
            function.call(&mut store, number)
        });
        drop(store);
        let time = begun.elapsed();
        match got {
            Ok(got) if got == next(number) => Ok(time),
            Ok(got) => Err(format!("got {got}, and not {}", next(number))),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The time of `compute` alone.
    pub(crate) fn compute(&self, rounds: u64, seed: u64, expected: u64) -> Result<Duration, String> {
        let mut store = Store::new(&self.engine, ());
        let function: TypedFunc<(u64, u64), u64> = self
            .instance(&mut store)
            .and_then(|instance| instance.get_typed_func(&mut store, "compute"))
            .map_err(|error| error.to_string())?;
        let begun = Instant::now();
        let got = function.call(&mut store, (rounds, seed));
        let time = begun.elapsed();
        match got {
            Ok(got) if got == expected => Ok(time),
            Ok(got) => Err(format!("got {got}, and not {expected}")),
            Err(error) => Err(error.to_string()),
        }
    }

    fn instance(&self, store: &mut Store<()>) -> wasmtime::Result<Instance> {
        Instance::new(store, &self.module, &[])
    }
}
