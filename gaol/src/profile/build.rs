//! Profiles by hand: made from operations, and refused where this system cannot keep them.

use std::borrow::Cow;
use std::fmt;

use crate::call;
use crate::error::{ProfileError, Unsupported};
use crate::profile::rules::RuleError;
use crate::profile::{AddressPattern, Limits, Operation, Profile, Violation, rules};
use crate::support::Layer;

impl Profile {
    /// The profile that allows `operations`, within the [default limits](Limits::DEFAULT), with an empty environment.
    ///
    /// Operations add up: where two name the same path, or one a path beneath the other's, what either allows is allowed there. Their
    /// order means nothing. One that [another covers](Operation::covers) says nothing, and is left out.
    ///
    /// The paths need not exist yet: they are looked up when a program is started under the profile, or a process puts itself under it.
    /// [`Profile::check`] looks them up now.
    ///
    /// # Errors
    ///
    /// [`ProfileError::Unsupported`] if this system cannot allow one of the operations precisely, found by trying: it says which, which
    /// layer is missing, and what to write instead. [`ProfileError::Rule`] if two operations exclude each other.
    /// [`ProfileError::NoEntryPoint`], [`ProfileError::Nested`] and [`ProfileError::Start`] if it could not be tried.
    ///
    /// ```
    /// use gaol::{Operation, PathPattern, Profile};
    ///
    /// gaol::init();
    /// let profile = Profile::new(vec![Operation::FileReadAll(PathPattern::subpath("/usr/share")?)])?;
    /// assert_eq!(profile.to_string(), r#"read = "/usr/share""#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(operations: Vec<Operation>) -> Result<Self, ProfileError> {
        let mut profile = Self::NOTHING;
        *profile.operations_mut() = without_covered(operations);
        rules::check(&profile)?;
        call::try_out(&profile, true)?;
        Ok(profile)
    }

    /// Whether a program could be started under this profile now: every path is looked up, and every layer is entered in a child that is
    /// thrown away.
    ///
    /// # Errors
    ///
    /// What keeps it from being entered. A path that is not there is [`ProfileError::Path`].
    pub fn check(&self) -> Result<(), ProfileError> {
        match rules::check(self) {
            // A program that starts no other needs no second thread either.
            Ok(()) | Err(RuleError::ExecOneThread { .. }) => call::try_out(self, false).map(drop),
            Err(error) => Err(error.into()),
        }
    }

    /// The same with other limits.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gaol::{Limits, Profile};
    ///
    /// let mut limits = Limits::DEFAULT;
    /// limits.memory = Some(64 << 20);
    /// limits.time = Some(Duration::from_secs(2));
    /// let profile = Profile::NOTHING.with_limits(limits);
    /// assert_eq!(profile.to_string(), r#"time = "2s", memory = "64MiB""#);
    /// ```
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        *self.limits_mut() = limits;
        self
    }

    /// The same with the names of the variables that are copied from the application's environment.
    ///
    /// # Errors
    ///
    /// [`ProfileError::Value`] if a name is empty, or holds `=` or a NUL byte.
    pub fn with_environment<N: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, ProfileError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        for name in &names {
            gaol_spec::check_env_name(name)?;
        }
        *self.environment_mut() = names.into_iter().map(Cow::Owned).collect();
        Ok(self)
    }

    /// The same with another answer to what no operation allows.
    #[must_use]
    pub fn with_violation(mut self, violation: Violation) -> Self {
        self.set_violation(violation);
        self
    }
}

/// Leaves out what another operation covers. Of two that cover each other the first stays.
fn without_covered(operations: Vec<Operation>) -> Vec<Operation> {
    let is_covered = |(number, operation): &(usize, &Operation)| {
        operations.iter().enumerate().any(|(other_number, other)| {
            other_number != *number && other.covers(operation) && (!operation.covers(other) || other_number < *number)
        })
    };
    let kept = operations.iter().enumerate().filter(|candidate| !is_covered(candidate));
    kept.map(|(_, operation)| operation.clone()).collect()
}

/// How precisely a system can allow an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OperationSupportLevel {
    /// It is prohibited, whatever the profile says.
    NeverAllowed,
    /// It can be allowed, and nothing else with it.
    CanBeAllowed,
    /// It could be allowed only together with what the profile does not say, so it is refused.
    CannotBeAllowedPrecisely,
    /// It is allowed, whatever the profile says.
    AlwaysAllowed,
}

impl fmt::Display for OperationSupportLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NeverAllowed => "never allowed",
            Self::CanBeAllowed => "can be allowed",
            Self::CannotBeAllowedPrecisely => "cannot be allowed precisely",
            Self::AlwaysAllowed => "always allowed",
        })
    }
}

/// What this system makes of an operation.
#[derive(Debug)]
pub struct OperationSupport {
    level: OperationSupportLevel,
    layers: Vec<Layer>,
    reason: Option<ProfileError>,
}

impl OperationSupport {
    /// How precisely it can be allowed.
    #[must_use]
    pub fn level(&self) -> OperationSupportLevel {
        self.level
    }

    /// The layers that tell it from what is not allowed; none where it cannot be allowed.
    #[must_use]
    pub fn enforced_by(&self) -> &[Layer] {
        &self.layers
    }

    /// Why it cannot be allowed.
    #[must_use]
    pub fn reason(&self) -> Option<&ProfileError> {
        self.reason.as_ref()
    }

    /// What this system lacks for it, where it lacks something.
    #[must_use]
    pub fn unsupported(&self) -> Option<&Unsupported> {
        match &self.reason {
            Some(ProfileError::Unsupported(unsupported)) => Some(unsupported),
            _ => None,
        }
    }
}

impl Operation {
    /// How precisely *this* system can allow the operation, found by entering a sandbox that allows it alone.
    ///
    /// What is asked of the kernel is the kind of the operation, not its path, which need not exist; of a
    /// [`Literal`](crate::PathPattern::Literal) it is looked up whether it is a directory. Answers are kept: the second question of a kind costs
    /// nothing. Where no child can be started, nothing can be allowed, and [`reason`](OperationSupport::reason) says why.
    #[must_use]
    pub fn support(&self) -> OperationSupport {
        let no = |level, reason| OperationSupport { level, layers: Vec::new(), reason: Some(reason) };
        let mut profile = Profile::NOTHING;
        *profile.operations_mut() = vec![self.clone()];
        if let Err(error) = rules::check(&profile) {
            return no(OperationSupportLevel::NeverAllowed, error.into());
        }
        match call::try_out(&profile, true) {
            Ok(layers) => OperationSupport {
                level: OperationSupportLevel::CanBeAllowed,
                layers: self.layers().iter().copied().filter(|layer| layers.has(*layer)).collect(),
                reason: None,
            },
            Err(error) => {
                let level = match &error {
                    // Without Landlock a file could be allowed, and every other with it.
                    ProfileError::Unsupported(unsupported) if unsupported.layer != Layer::Hygiene => {
                        OperationSupportLevel::CannotBeAllowedPrecisely
                    }
                    ProfileError::Path { .. } => OperationSupportLevel::CannotBeAllowedPrecisely,
                    _ => OperationSupportLevel::NeverAllowed,
                };
                no(level, error)
            }
        }
    }

    /// The layers that tell the operation from others, where they are available.
    fn layers(&self) -> &'static [Layer] {
        match self {
            Self::FileReadAll(_) | Self::FileReadMetadata(_) | Self::FileWriteAll(_) | Self::ProcessExec(_) => {
                &[Layer::Namespaces, Layer::Landlock, Layer::Seccomp]
            }
            Self::NetworkOutbound(AddressPattern::LocalSocket(_)) => {
                &[Layer::Namespaces, Layer::Landlock, Layer::Seccomp]
            }
            Self::NetworkOutbound(AddressPattern::All) | Self::NetworkInbound(AddressPattern::All) => &[Layer::Seccomp],
            Self::NetworkOutbound(_) | Self::NetworkInbound(_) => &[Layer::Landlock, Layer::Seccomp],
            Self::SystemInfoRead => &[Layer::Landlock, Layer::Seccomp],
            Self::PlatformSpecific(operation) => match *operation {},
        }
    }
}
