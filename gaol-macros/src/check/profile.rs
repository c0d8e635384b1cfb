//! Rules about the attribute itself.

use std::collections::BTreeMap;
use std::time::Duration;

use gaol_spec::{PatternKind, Process, rules};
use quote::ToTokens;
use syn::Expr;
use syn::visit::Visit;

use crate::ast::{Arguments, Function, Key};
use crate::names;
use crate::report::Report;
use crate::spec::{Limit, Object, Operation, Profile};
use crate::text::text;

/// Two values of one key leave open which one holds.
pub(super) fn check_duplicate_keys(arguments: &Arguments, report: &mut Report) {
    for (index, entry) in arguments.entries.iter().enumerate() {
        if arguments.entries[..index].iter().any(|earlier| earlier.key == entry.key) {
            let key = entry.key;
            let instead = if key.takes_list() {
                format!("write one list, `{key} = [{}, …]`", key.example())
            } else {
                "keep one".to_owned()
            };
            report.error(&entry.name, format!("`{key}` is written twice; {instead}"));
        }
    }
}

/// An empty list allows nothing, and reads as if it might allow everything.
pub(super) fn check_empty_lists(arguments: &Arguments, report: &mut Report) {
    for entry in &arguments.entries {
        if let Some(list) = entry.list.as_ref().filter(|_| entry.values.is_empty() && entry.key.takes_list()) {
            let key = entry.key;
            report.error(list, format!("`{key} = []` allows nothing; leave `{key}` out"));
        }
    }
}

/// A repetition is most often a slip for something else. That of a key which takes one value is reported as one of the key.
pub(super) fn check_repeated_operations(profile: &Profile, report: &mut Report) {
    for (index, operation) in profile.operations.iter().enumerate() {
        let repeated = profile.operations[..index].iter().any(|earlier| same(earlier, operation));
        if repeated && operation.key.takes_list() {
            report.error(&operation.literal, format!("`{}` is written twice; keep one", written(operation)));
        }
    }
}

/// An operation inside another of the same attribute changes nothing, but reads as if the wider one were narrower.
pub(super) fn check_covered_operations(profile: &Profile, report: &mut Report) {
    for narrow in &profile.operations {
        let Some(wide) = profile.operations.iter().find(|wide| !same(wide, narrow) && covers(wide, narrow)) else {
            continue;
        };
        let message = format!("`{}` is already covered by `{}`; keep one", written(narrow), written(wide));
        report.error(&narrow.literal, message);
    }
}

/// As for operations.
pub(super) fn check_repeated_variables(profile: &Profile, report: &mut Report) {
    for (index, name) in profile.environment.iter().enumerate() {
        if profile.environment[..index].iter().any(|earlier| earlier.value() == name.value()) {
            report.error(name, format!("`env = {}` is written twice; keep one", text(name)));
        }
    }
}

/// A limit that cannot be reached looks like a limit and is none. Several threads can use more CPU time than passes,
/// so a written number of threads widens the bound.
pub(super) fn check_cpu_within_time(profile: &Profile, report: &mut Report) {
    let Limit::Written(Some(cpu), cpu_literal) = &profile.cpu else { return };
    let threads = match &profile.threads {
        Limit::Default(_) => 1,
        Limit::Written(Some(threads), _) => u32::try_from(*threads).unwrap_or(u32::MAX),
        Limit::Written(None, _) | Limit::Dynamic(_) => return,
    };
    let (time, time_literal) = match &profile.time {
        Limit::Default(Some(time)) => (*time, "\"60s\"` by default".to_owned()),
        Limit::Written(Some(time), literal) => (*time, format!("{}`", text(literal))),
        Limit::Default(None) | Limit::Written(None, _) | Limit::Dynamic(_) => return,
    };
    if *cpu > time.checked_mul(threads).unwrap_or(Duration::MAX) {
        let cpu = text(cpu_literal);
        let message = format!(
            "`cpu = {cpu}` is never reached within `time = {time_literal}; lower `cpu` or raise `time` (or write `threads`, \
             if the function starts several)"
        );
        report.error(cpu_literal, message);
    }
}

/// A program that the function can replace is not the program that the attribute names. What is only known at the call is
/// checked there, as for the rules below.
pub(super) fn check_programs_are_not_written(profile: &Profile, report: &mut Report) {
    let of = |key: Key| profile.operations.iter().filter(move |operation| operation.key == key);
    for exec in of(Key::Exec) {
        for write in of(Key::Write) {
            // The narrower of the two is where the other was not thought of.
            let narrow = match (object_covers(&write.object, &exec.object), object_covers(&exec.object, &write.object))
            {
                (true, _) => exec,
                (false, true) => write,
                (false, false) => continue,
            };
            report.error(&narrow.literal, rules::write_and_exec(written(write), written(exec)));
        }
    }
}

/// What a program leaves behind in a worker that is kept would meet the next call.
pub(super) fn check_programs_do_not_meet(profile: &Profile, report: &mut Report) {
    if let Some(process) = profile.process_literal.as_ref().filter(|_| profile.process == Process::Reused)
        && profile.operations.iter().any(|operation| operation.key == Key::Exec)
    {
        report.error(process, rules::EXEC_REUSED);
    }
}

/// The worker itself is the first of its threads and processes.
pub(super) fn check_programs_have_room(profile: &Profile, report: &mut Report) {
    if let Limit::Written(Some(1), literal) = &profile.threads
        && profile.operations.iter().any(|operation| operation.key == Key::Exec)
    {
        report.error(literal, rules::EXEC_ONE_THREAD);
    }
}

/// An expression is evaluated before the function's patterns take the parameters apart.
pub(super) fn check_expressions_name_parameters(profile: &Profile, function: &Function, report: &mut Report) {
    let mut bound = BTreeMap::new();
    for parameter in function.parameters.iter().filter(|parameter| parameter.name().is_none()) {
        let mut names = BoundNames::default();
        names.visit_pat(&parameter.pattern);
        bound.extend(names.0.into_iter().map(|name| (name, text(&parameter.pattern))));
    }
    for (key, expression) in &profile.dynamic {
        if let Some((name, pattern)) = bound.iter().find(|(name, _)| names::mentions(expression, name)) {
            report.error(expression, destructured(*key, expression, name, pattern));
        }
    }
}

fn destructured(key: Key, expression: &Expr, name: &str, pattern: &str) -> String {
    let written = text(expression);
    format!(
        "`{key} = {written}` names `{name}`, which the pattern `{pattern}` binds only in the body; give the parameter a \
         name and take it apart in the body"
    )
}

#[derive(Default)]
struct BoundNames(Vec<String>);

impl Visit<'_> for BoundNames {
    fn visit_pat_ident(&mut self, pattern: &syn::PatIdent) {
        self.0.push(pattern.ident.to_token_stream().to_string());
        syn::visit::visit_pat_ident(self, pattern);
    }
}

fn same(a: &Operation, b: &Operation) -> bool {
    a.key == b.key && a.literal.value() == b.literal.value()
}

/// As it stands in the attribute: `read = "/data"`.
fn written(operation: &Operation) -> String {
    format!("{} = {}", operation.key, text(&operation.literal))
}

/// Whether the first operation allows all that the second does.
fn covers(wide: &Operation, narrow: &Operation) -> bool {
    let includes = match wide.key {
        key if key == narrow.key => true,
        // Reading and writing both include seeing the metadata.
        Key::Read | Key::Write => narrow.key == Key::Metadata,
        // What is run is read.
        Key::Exec => matches!(narrow.key, Key::Read | Key::Metadata),
        _ => false,
    };
    includes && object_covers(&wide.object, &narrow.object)
}

/// Whether the second is the first or a part of it.
fn object_covers(wide: &Object, narrow: &Object) -> bool {
    match (wide, narrow) {
        (Object::Path(PatternKind::Subpath, above), Object::Path(_, beneath)) => {
            gaol_spec::covers(above.as_bytes(), beneath.as_bytes())
        }
        (Object::Path(PatternKind::Literal, one), Object::Path(PatternKind::Literal, other)) => one == other,
        (Object::AllAddresses, Object::AllAddresses | Object::TcpPort(_) | Object::UdpPort(_)) => true,
        _ => false,
    }
}
