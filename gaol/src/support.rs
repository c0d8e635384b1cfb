//! What this system can enforce, layer by layer.

use std::fmt;

/// One mechanism that confines a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// Descriptors, environment, signals, working directory, dumpability: what a process inherits without being asked.
    Hygiene,
    /// User, mount, pid, ipc, uts, cgroup and network namespaces with a private root.
    Namespaces,
    /// Capabilities dropped from every set, securebits locked.
    Capabilities,
    /// Resource limits of the kernel.
    Limits,
    /// The Landlock security module: files by path, TCP by port, scopes.
    Landlock,
    /// System calls by number and argument.
    Seccomp,
}

impl Layer {
    /// Every layer, in the order in which a child enters them.
    pub const ALL: [Self; 6] =
        [Self::Hygiene, Self::Namespaces, Self::Capabilities, Self::Limits, Self::Landlock, Self::Seccomp];

    fn name(self) -> &'static str {
        match self {
            Self::Hygiene => "hygiene",
            Self::Namespaces => "namespaces",
            Self::Capabilities => "capabilities",
            Self::Limits => "limits",
            Self::Landlock => "Landlock",
            Self::Seccomp => "seccomp",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of layers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Layers(u8);

impl Layers {
    pub(crate) const ALL: Self = Self(0b11_1111);
    #[cfg(feature = "escape-suite")]
    pub(crate) const NONE: Self = Self(0);

    #[must_use]
    pub(crate) const fn without(self, layer: Layer) -> Self {
        Self(self.0 & !(1 << layer as u8))
    }

    #[must_use]
    pub(crate) const fn has(self, layer: Layer) -> bool {
        self.0 & (1 << layer as u8) != 0
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Layer::ALL.into_iter().filter(|layer| self.has(*layer))).finish()
    }
}

/// Whether a layer is available here and, where it is not, what failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Availability {
    /// The layer was entered.
    Available,
    /// The layer was refused at a step.
    Unavailable {
        /// The step that failed, in the kernel's words: `clone(CLONE_NEWUSER…)`.
        step: String,
        /// What the kernel answered; 0 where it answered nothing.
        errno: i32,
    },
}

/// What this system gives, found by trying each layer in a child that is thrown away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    pub(crate) layers: Vec<(Layer, Availability)>,
    pub(crate) landlock_abi: u32,
}

impl Support {
    /// Whether `layer` is available.
    #[must_use]
    pub fn layer(&self, layer: Layer) -> &Availability {
        const HERE: &Availability = &Availability::Available;
        self.layers.iter().find(|(candidate, _)| *candidate == layer).map_or(HERE, |(_, availability)| availability)
    }

    /// Whether `layer` is available, as a yes or no.
    #[must_use]
    pub fn has(&self, layer: Layer) -> bool {
        *self.layer(layer) == Availability::Available
    }

    /// The Landlock ABI version of the kernel; 0 without Landlock.
    #[must_use]
    pub fn landlock_abi(&self) -> u32 {
        self.landlock_abi
    }

    /// `'A'` where calls run in namespaces, `'B'` where Landlock and seccomp carry the promise alone.
    #[must_use]
    pub fn tier(&self) -> char {
        if self.has(Layer::Namespaces) { 'A' } else { 'B' }
    }
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Where not even a child could be started, nothing is known of the layers.
        if let Some((_, Availability::Unavailable { step, errno })) = self.layers.first()
            && Layer::ALL.iter().all(|layer| !self.has(*layer))
        {
            let answer =
                if *errno == 0 { String::new() } else { format!(": {}", std::io::Error::from_raw_os_error(*errno)) };
            return writeln!(f, "no sandbox: {step}{answer}");
        }
        writeln!(f, "tier {}, Landlock ABI {}", self.tier(), self.landlock_abi)?;
        for layer in Layer::ALL {
            match self.layer(layer) {
                Availability::Available => writeln!(f, "{layer:<14}available")?,
                // Nothing was asked of the kernel.
                Availability::Unavailable { step, errno: 0 } => writeln!(f, "{layer:<14}unavailable: {step}")?,
                Availability::Unavailable { step, errno } => {
                    writeln!(f, "{layer:<14}unavailable: {step}: {}", std::io::Error::from_raw_os_error(*errno))?;
                }
            }
        }
        Ok(())
    }
}
