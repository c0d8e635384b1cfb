//! Rules about what crosses: the types of the parameters and of the result.

use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::visit_mut::VisitMut;
use syn::{GenericArgument, Ident, Lifetime, ReturnType, Type, TypeReference, parse_quote};

use crate::ast::strip;
use crate::report::Report;
use crate::text::text;

/// A parameter is encoded in the parent and owned by the child, which lends it to the body where the outermost type
/// is a `&`. A borrow further in has nothing to borrow from.
pub(super) fn check_parameter_type(ty: &Type, report: &mut Report) {
    let mut visitor = Crossing { whole: ty, returned: false, report };
    match strip(ty) {
        Type::Reference(reference) => {
            if reference.mutability.is_some()
                && let Some(owned) = unsized_name(&reference.elem)
            {
                let message = format!(
                    "`{}` cannot be replaced by what comes back, which may be longer; write `&mut {owned}`",
                    text(reference)
                );
                visitor.report.error(reference, message);
                return;
            }
            if reference.lifetime.as_ref().is_some_and(is_static) {
                let message = format!(
                    "`{}` does not outlive the call in the child; write `&{}`",
                    text(reference),
                    text(&reference.elem)
                );
                visitor.report.error(reference, message);
                return;
            }
            visitor.visit_type(&reference.elem);
        }
        other => visitor.visit_type(other),
    }
}

/// A call can fail even where the body cannot, and what comes back is owned by the parent.
pub(super) fn check_return_type(output: &ReturnType, name: &Ident, report: &mut Report) {
    const WRITE: &str = "return `Result<T, E>` with `E: From<gaol::Error>`, such as `gaol::Result";
    let ty = match output {
        ReturnType::Default => {
            report.error(name, format!("a sandboxed call can fail, and `{name}` returns nothing; {WRITE}<()>`"));
            return;
        }
        ReturnType::Type(_, ty) => strip(ty),
    };
    match ty {
        Type::Tuple(tuple) if tuple.elems.is_empty() => {
            report.error(ty, format!("a sandboxed call can fail, and `()` cannot say so; {WRITE}<()>`"));
        }
        Type::Never(_) => {
            report.error(ty, format!("a sandboxed call can fail, and `!` cannot say so; {WRITE}<()>`"));
        }
        Type::ImplTrait(_) => {
            let message = format!("`{}` does not say what crosses back; {WRITE}<T>` with a concrete `T`", text(ty));
            report.error(ty, message);
        }
        Type::Reference(_) => {
            let owned = text(&owned_form(ty));
            let message = format!("a sandboxed call can fail, and a borrow cannot come back; {WRITE}<{owned}>`");
            report.error(ty, message);
        }
        ty => Crossing { whole: ty, returned: true, report }.visit_type(ty),
    }
}

/// Reports every part of a type that cannot cross, without looking inside that part again.
struct Crossing<'a> {
    whole: &'a Type,
    returned: bool,
    report: &'a mut Report,
}

impl Crossing<'_> {
    fn borrows(&mut self, part: impl ToTokens) {
        let (whole, owned) = (text(self.whole), text(&owned_form(self.whole)));
        let verb = if self.returned { "come back from" } else { "cross to" };
        let message = if whole == owned {
            format!("`{}` borrows, and a borrow cannot {verb} another process; write an owned type", text(&part))
        } else {
            format!(
                "`{}` borrows, and a borrow cannot {verb} another process; write the owned form, `{owned}`",
                text(&part)
            )
        };
        self.report.error(part, message);
    }

    fn refuse(&mut self, part: &Type, what: &str, instead: &str) {
        let message = format!("`{}` is {what}, which means nothing in another process; {instead}", text(part));
        self.report.error(part, message);
    }
}

impl Visit<'_> for Crossing<'_> {
    fn visit_type(&mut self, ty: &Type) {
        match ty {
            Type::Reference(reference) => self.borrows(reference),
            Type::Ptr(_) => self.refuse(ty, "an address", "pass the value itself"),
            Type::BareFn(_) => self.refuse(ty, "the address of a function", "pass an enum that says which one to call"),
            Type::ImplTrait(_) => {
                let message = format!("`{}` does not say what crosses; write the concrete type", text(ty));
                self.report.error(ty, message);
            }
            // `Box<dyn Error>` as the error crosses as its message; a value behind `dyn` does not cross.
            Type::TraitObject(_) if !self.returned => {
                let message = format!("`{}` does not say what crosses; write the concrete type", text(ty));
                self.report.error(ty, message);
            }
            _ => syn::visit::visit_type(self, ty),
        }
    }

    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        // `Cow<'static, str>` is decoded as the owned value that it can be.
        if !is_static(lifetime) {
            let whole = self.whole.clone();
            self.borrows(whole);
        }
    }
}

fn is_static(lifetime: &Lifetime) -> bool {
    lifetime.ident == "static"
}

/// The type with every borrow replaced by what it borrows: `Option<&str>` becomes `Option<String>`.
fn owned_form(ty: &Type) -> Type {
    let mut ty = ty.clone();
    Owning.visit_type_mut(&mut ty);
    ty
}

struct Owning;

impl VisitMut for Owning {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        match ty {
            Type::Reference(TypeReference { elem, .. }) => *ty = own(elem),
            Type::Path(path) => {
                let cow = path.path.segments.last().filter(|segment| segment.ident == "Cow");
                if let Some(inner) = cow.and_then(|segment| first_type(&segment.arguments)) {
                    *ty = own(&inner);
                }
            }
            _ => {}
        }
        syn::visit_mut::visit_type_mut(self, ty);
    }
}

/// The owned type that goes with text or a path, which have no size of their own.
fn unsized_name(ty: &Type) -> Option<&'static str> {
    let Type::Path(path) = strip(ty) else { return None };
    let name = path.path.segments.last().filter(|_| path.qself.is_none())?.ident.to_string();
    match name.as_str() {
        "str" => Some("String"),
        "Path" => Some("PathBuf"),
        "OsStr" => Some("OsString"),
        "CStr" => Some("CString"),
        _ => None,
    }
}

fn own(borrowed: &Type) -> Type {
    let span = borrowed.span();
    match strip(borrowed) {
        Type::Reference(reference) => own(&reference.elem),
        Type::Slice(slice) => {
            let element = &slice.elem;
            parse_quote!(Vec<#element>)
        }
        Type::Path(_) => match unsized_name(borrowed) {
            Some(owned) => {
                let owned = Ident::new(owned, span);
                parse_quote!(#owned)
            }
            None => borrowed.clone(),
        },
        other => other.clone(),
    }
}

/// `str` of `Cow<'_, str>`.
fn first_type(arguments: &syn::PathArguments) -> Option<Type> {
    let syn::PathArguments::AngleBracketed(arguments) = arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    })
}
