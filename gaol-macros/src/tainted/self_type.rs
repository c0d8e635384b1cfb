//! `Self` in a struct's fields and conditions, which means another type in the second struct.

use syn::visit_mut::{self, VisitMut};
use syn::{DeriveInput, ExprPath, Fields, Generics, Path, QSelf, TypePath, parse_quote};

/// Writes the struct's name where `Self` stands.
pub(super) struct NameSelf {
    /// `Header<'a, T>`.
    name: Path,
}

impl NameSelf {
    /// For the `Self` of this type.
    pub(super) fn of(input: &DeriveInput) -> Self {
        let name = &input.ident;
        let (_, arguments, _) = input.generics.split_for_impl();
        Self { name: parse_quote!(#name #arguments) }
    }

    pub(super) fn apply(&mut self, generics: &mut Generics, fields: &mut Fields) {
        self.visit_generics_mut(generics);
        self.visit_fields_mut(fields);
    }

    /// `Self` becomes `Header`, and `Self::Item` becomes `<Header>::Item`.
    fn rename(&self, qualifier: &mut Option<QSelf>, path: &mut Path) {
        if qualifier.is_some() || path.leading_colon.is_some() || path.segments[0].ident != "Self" {
            return;
        }
        if path.segments.len() == 1 {
            *path = self.name.clone();
            return;
        }
        let rest = path.segments.iter().skip(1);
        let name = &self.name;
        let qualified: TypePath = parse_quote!(<#name>::#(#rest)::*);
        *qualifier = qualified.qself;
        *path = qualified.path;
    }
}

impl VisitMut for NameSelf {
    fn visit_type_path_mut(&mut self, ty: &mut TypePath) {
        visit_mut::visit_type_path_mut(self, ty);
        self.rename(&mut ty.qself, &mut ty.path);
    }

    fn visit_expr_path_mut(&mut self, expression: &mut ExprPath) {
        visit_mut::visit_expr_path_mut(self, expression);
        self.rename(&mut expression.qself, &mut expression.path);
    }
}
