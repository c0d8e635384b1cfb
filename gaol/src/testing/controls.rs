//! A switch for gaol's own tests: leave one layer out, to see that it is the one that stops an attack.

#[cfg(not(feature = "test-controls"))]
use crate::support::Layers;

#[cfg(feature = "test-controls")]
mod switch {
    use std::cell::Cell;
    use std::marker::PhantomData;

    use crate::support::{Layer, Layers};

    thread_local! {
        static LAYERS: Cell<Layers> = const { Cell::new(Layers::ALL) };
    }

    /// Leaves layers out of the calls that this thread makes, until dropped.
    #[derive(Debug)]
    pub struct Without {
        previous: Layers,
        /// Belongs to the thread that made it.
        _thread: PhantomData<*const ()>,
    }

    /// Leaves `layers` out of the calls that this thread makes, until the guard is dropped. Never for anything but tests of gaol.
    #[must_use]
    pub fn without(layers: &[Layer]) -> Without {
        let previous = LAYERS.get();
        LAYERS.set(layers.iter().fold(previous, |set, layer| set.without(*layer)));
        Without { previous, _thread: PhantomData }
    }

    impl Drop for Without {
        fn drop(&mut self) {
            LAYERS.set(self.previous);
        }
    }

    pub(crate) fn layers() -> Layers {
        LAYERS.get()
    }

    /// What another process says that the layers are.
    pub(crate) fn told(layers: Layers) -> Layers {
        layers
    }
}

#[cfg(feature = "test-controls")]
pub use switch::{Without, without};
#[cfg(feature = "test-controls")]
pub(crate) use switch::{layers, told};

/// The layers of a call: all of them.
#[cfg(not(feature = "test-controls"))]
pub(crate) fn layers() -> Layers {
    Layers::ALL
}

/// The layers that a message asks for: all of them, whatever it says.
#[cfg(not(feature = "test-controls"))]
pub(crate) fn told(_layers: Layers) -> Layers {
    Layers::ALL
}
