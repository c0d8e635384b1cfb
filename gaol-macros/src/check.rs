//! The rules, each a `check_*` function under its reason.

pub(crate) mod attributes;
mod profile;
mod signature;
mod types;

use crate::ast::{Arguments, Function};
use crate::report::Report;
use crate::spec::Profile;

/// Applies every rule; none hides another.
pub(crate) fn check(arguments: &Arguments, profile: &Profile, function: &Function, report: &mut Report) {
    profile::check_duplicate_keys(arguments, report);
    profile::check_empty_lists(arguments, report);
    profile::check_repeated_operations(profile, report);
    profile::check_covered_operations(profile, report);
    profile::check_repeated_variables(profile, report);
    profile::check_cpu_within_time(profile, report);
    profile::check_programs_are_not_written(profile, report);
    profile::check_programs_do_not_meet(profile, report);
    profile::check_programs_have_room(profile, report);
    profile::check_expressions_name_parameters(profile, function, report);

    attributes::check_other_attributes(function, report);

    signature::check_qualifiers(function, report);
    signature::check_generics(function, report);
    signature::check_receiver(function, report);
    signature::check_parameter_count(function, report);
    for parameter in &function.parameters {
        types::check_parameter_type(&parameter.ty, report);
    }
    types::check_return_type(&function.signature.output, &function.signature.ident, report);
}
