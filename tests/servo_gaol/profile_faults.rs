//! What servo/gaol said, or did not say, of a profile that cannot be kept.

use std::path::Path;

use gaol::{
    AddressPattern, Error, Layer, Operation, OperationSupportLevel, Outcome, PathPattern, PathProblem, Profile,
    ProfileError, RuleError, sandboxed,
};
use libc::ENOENT;

use super::activated::refusal_of_activation;
use super::profiles::Allowed;
use super::ways::{Tier, for_programs, in_tier, prober, tiers};
use crate::support::alone::Alone;

#[sandboxed(read = "/nowhere/at/all")]
fn reads_what_is_missing() -> gaol::Result<()> {
    Ok(())
}

/// A path that was not there was passed over.
#[test]
fn a_path_that_is_missing_is_an_error_that_names_it() {
    Alone::new("servo_gaol::profile_faults::a_path_that_is_missing_is_an_error_that_names_it").run(|| {
        let is_named = |error: &ProfileError| {
            matches!(error, ProfileError::Path { operation, path, problem: PathProblem::Io(source) }
                if operation == "read = \"/nowhere/at/all\"" && path == Path::new("/nowhere")
                    && source.raw_os_error() == Some(ENOENT))
        };
        let missing = PathPattern::subpath("/nowhere/at/all").expect("a path");
        let profile = Profile::new(vec![Operation::FileReadAll(missing)]).expect("the path need not be there yet");
        let error = profile.check().expect_err("it is not there");
        assert!(is_named(&error), "{error:?}");
        let said = refusal_of_activation(&Allowed::Read(vec!["/nowhere/at/all".into()]), false);
        assert_eq!(said, error.to_string());
        let error = reads_what_is_missing().expect_err("it is not there");
        assert_eq!(error.outcome(), Outcome::NotRun);
        assert!(
            matches!(&error, Error::Path { operation, .. } if operation == "read = \"/nowhere/at/all\""),
            "{error:?}"
        );
        for tier in tiers() {
            let output = in_tier(tier, || {
                let profile = for_programs(tier, &Allowed::Read(vec!["/nowhere/at/all".into()])).expect("as above");
                prober(&profile).output().expect("a launcher")
            });
            assert!(gaol::is_set_up_failure(&output.status), "{}", output.status);
            let said = String::from_utf8_lossy(&output.stderr);
            let is_named = said.contains("read = \"/nowhere/at/all\"") && said.contains("No such file or directory");
            assert!(is_named, "{said}");
        }
    });
}

/// `Profile::new` said `Err(())`, or took operations that would never be allowed.
#[test]
fn a_profile_that_cannot_be_kept_says_which_operation_and_why() {
    Alone::new("servo_gaol::profile_faults::a_profile_that_cannot_be_kept_says_which_operation_and_why").run(|| {
        let address = AddressPattern::local_socket("/run/x.sock").expect("a path");
        let never = Operation::NetworkInbound(address);
        let error = Profile::new(vec![Operation::SystemInfoRead, never.clone()]).expect_err("no function may bind it");
        assert!(
            matches!(&error, ProfileError::Rule(RuleError::ListenLocalSocket { operation }) if *operation == never),
            "{error:?}"
        );
        assert_eq!(never.support().level(), OperationSupportLevel::NeverAllowed);
        let metadata = Operation::FileReadMetadata(PathPattern::subpath("/usr/share").expect("a path"));
        if tiers().any(|tier| tier == Tier::A) {
            assert_eq!(metadata.support().level(), OperationSupportLevel::CanBeAllowed);
            Profile::new(vec![metadata.clone()]).expect("namespaces keep it");
        }
        in_tier(Tier::B, || {
            assert_eq!(metadata.support().level(), OperationSupportLevel::CannotBeAllowedPrecisely);
            let error = Profile::new(vec![Operation::SystemInfoRead, metadata]).expect_err("nothing else keeps it");
            assert!(
                matches!(&error, ProfileError::Unsupported(missing) if missing.layer == Layer::Namespaces),
                "{error:?}"
            );
            assert!(error.to_string().contains("`metadata = \"/\"`"), "{error}");
        });
    });
}

#[test]
fn an_operation_that_cannot_be_kept_is_named_as_it_was_written() {
    Alone::new("servo_gaol::profile_faults::an_operation_that_cannot_be_kept_is_named_as_it_was_written").run(|| {
        let tree = || PathPattern::subpath("/usr/share").expect("a path");
        let file = || PathPattern::literal("/etc/hosts").expect("a path");
        let program = PathPattern::literal("/usr/bin/env").expect("a path");
        let mut operations = vec![
            Operation::FileReadMetadata(tree()),
            Operation::FileReadMetadata(file()),
            Operation::ProcessExec(program),
        ];
        if gaol::support().landlock_abi() < 9 {
            let socket = AddressPattern::local_socket("/run/x.sock").expect("a path");
            operations.push(Operation::NetworkOutbound(socket));
        }
        if gaol::support().landlock_abi() < 10 {
            operations.push(Operation::NetworkOutbound(AddressPattern::Udp(53)));
        }
        in_tier(Tier::B, || {
            let mut wrong = Vec::new();
            for operation in operations {
                // Beside one that is kept, and by itself.
                let beside = Profile::new(vec![Operation::SystemInfoRead, operation.clone()]);
                let beside = beside.expect_err("it cannot be kept").to_string();
                let support = operation.support();
                let alone = support.reason().expect("a reason").to_string();
                for text in [beside, alone] {
                    // What is tried in the place of a path is nobody's business.
                    if !text.starts_with(&format!("`{operation}` cannot be kept precisely: ")) || text.contains(" (/") {
                        wrong.push(text);
                    }
                }
            }
            assert!(wrong.is_empty(), "{wrong:#?}");
        });
    });
}
