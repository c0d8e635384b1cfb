//! What a process is under, in words.

use std::fmt;

use crate::support::{Layer, Layers};
use crate::sys::Entered;

/// What a process really is under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforcement {
    layers: Layers,
    landlock_abi: u32,
}

impl Enforcement {
    pub(super) fn new(Entered { layers, landlock_abi, .. }: Entered) -> Self {
        Self { layers, landlock_abi }
    }

    /// Those that a second profile is entered by.
    pub(super) fn set(&self) -> Layers {
        self.layers
    }

    /// Whether a layer was entered.
    #[must_use]
    pub fn has(&self, layer: Layer) -> bool {
        self.layers.has(layer)
    }

    /// The layers that were entered, in their order.
    pub fn layers(&self) -> impl Iterator<Item = Layer> + '_ {
        Layer::ALL.into_iter().filter(|layer| self.layers.has(*layer))
    }

    /// The Landlock ABI version whose rights are judged; 0 where the profile needs no Landlock and the kernel has none.
    #[must_use]
    pub fn landlock_abi(&self) -> u32 {
        self.landlock_abi
    }
}

/// The layers by name: `hygiene, capabilities, limits, Landlock (ABI 7), seccomp`.
impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, layer) in self.layers().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(f, "{comma}{layer}")?;
            if layer == Layer::Landlock {
                write!(f, " (ABI {})", self.landlock_abi)?;
            }
        }
        Ok(())
    }
}
