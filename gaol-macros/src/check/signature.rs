//! Rules about the function's head, its types aside.

use syn::visit::Visit;
use syn::{FnArg, GenericParam};

use crate::ast::Function;
use crate::report::Report;

/// As many as serde encodes as one tuple.
const MOST_PARAMETERS: usize = 16;

/// The call waits for another process, which these kinds of function cannot do or must not do unseen.
pub(super) fn check_qualifiers(function: &Function, report: &mut Report) {
    let signature = &function.signature;
    if let Some(keyword) = &signature.constness {
        report.error(keyword, "a `const fn` runs in the compiler, where no process can be started; remove `const`");
    }
    if let Some(keyword) = &signature.asyncness {
        report.error(
            keyword,
            "a sandboxed `async fn` is not built yet; remove `async`, and call it where blocking is allowed",
        );
    }
    if let Some(keyword) = &signature.unsafety {
        let message = "what an `unsafe fn` asks of its caller cannot hold in another process; remove `unsafe`";
        report.error(keyword, message);
    }
    if let Some(abi) = &signature.abi {
        let message = "arguments cross to another process by serde, not by a C calling convention; remove `extern`";
        report.error(abi, message);
    }
    if let Some(variadic) = &signature.variadic {
        report.error(variadic, "a variable number of arguments cannot cross to another process; take a `Vec<T>`");
    }
}

/// The child is asked for one function by its number: there is no way to say for which types.
pub(super) fn check_generics(function: &Function, report: &mut Report) {
    for parameter in &function.signature.generics.params {
        match parameter {
            GenericParam::Lifetime(lifetime) => {
                let name = &lifetime.lifetime;
                let message =
                    format!("a borrow that crosses to another process has no lifetime `{name}`; elide it: write `&T`");
                report.error(lifetime, message);
            }
            GenericParam::Type(ty) => {
                let name = &ty.ident;
                let message = format!(
                    "the child cannot be told what `{name}` is; write the concrete type, or call a sandboxed function \
                     for each type from a generic one"
                );
                report.error(ty, message);
            }
            GenericParam::Const(constant) => {
                let name = &constant.ident;
                let message =
                    format!("the child cannot be told what `{name}` is; write the number, or take it as a parameter");
                report.error(constant, message);
            }
        }
    }
}

/// A method's receiver is whatever the method may reach; what crosses must be written down. And where there is no
/// receiver, `Self` has no meaning in the function that runs in the child.
pub(super) fn check_receiver(function: &Function, report: &mut Report) {
    for input in &function.signature.inputs {
        if let FnArg::Receiver(receiver) = input {
            let message = "`self` stays in the parent; take what the function needs as parameters instead, here or outside the `impl`";
            report.error(receiver, message);
        }
    }
    let mut names = SelfTypes(report);
    for parameter in &function.parameters {
        names.visit_type(&parameter.ty);
    }
    names.visit_return_type(&function.signature.output);
}

struct SelfTypes<'a>(&'a mut Report);

impl Visit<'_> for SelfTypes<'_> {
    fn visit_path(&mut self, path: &syn::Path) {
        if let Some(segment) = path.segments.first().filter(|segment| segment.ident == "Self") {
            let message = "`Self` has no meaning in the function that runs in the child; write the type's name";
            self.0.error(&segment.ident, message);
        }
        syn::visit::visit_path(self, path);
    }
}

/// Serde encodes tuples of up to 16.
pub(super) fn check_parameter_count(function: &Function, report: &mut Report) {
    if let Some(parameter) = function.signature.inputs.iter().nth(MOST_PARAMETERS) {
        let count = function.signature.inputs.len();
        let message = format!("{count} parameters are more than the {MOST_PARAMETERS} that cross; take a struct");
        report.error(parameter, message);
    }
}
