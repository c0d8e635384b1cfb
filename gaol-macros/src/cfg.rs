//! A `#[cfg]` on a parameter, which rustc leaves to the attribute: one function for each answer.
//!
//! ```text
//! // Input:
//! #[sandboxed(time = "2s")]
//! fn sum(a: u32, #[cfg(unix)] b: u32) -> gaol::Result<u32> { … }
//!
//! // Output:
//! #[cfg(unix)]
//! #[::gaol::sandboxed(time = "2s")]
//! fn sum(a: u32, b: u32) -> gaol::Result<u32> { … }
//! #[cfg(not(unix))]
//! #[::gaol::sandboxed(time = "2s")]
//! fn sum(a: u32) -> gaol::Result<u32> { … }
//! ```
//!
//! Each further `#[cfg]` is split by the attribute that this leaves behind.

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, FnArg, Meta, Signature};

use crate::ast::{Arguments, Function};

/// The two functions, if a parameter has a `#[cfg]`.
pub(crate) fn split(attribute: &TokenStream, arguments: &Arguments, function: &Function) -> Option<TokenStream> {
    let inputs = &function.signature.inputs;
    let (index, position, condition) = inputs.iter().enumerate().find_map(|(index, input)| {
        let (position, condition) = condition(attributes(input))?;
        Some((index, position, condition))
    })?;
    let root = &arguments.root;
    let Function { attributes: outer, visibility, body, .. } = function;
    let with = with_inputs(&function.signature, |inputs| {
        attributes_mut(&mut inputs[index]).remove(position);
    });
    let without = with_inputs(&function.signature, |inputs| {
        inputs.remove(index);
    });
    Some(quote! {
        #[cfg(#condition)]
        #[#root::sandboxed(#attribute)]
        #(#outer)*
        #visibility #with #body
        #[cfg(not(#condition))]
        #[#root::sandboxed(#attribute)]
        #(#outer)*
        #visibility #without #body
    })
}

/// The first `#[cfg]`: its place and what stands between its parentheses.
fn condition(attributes: &[Attribute]) -> Option<(usize, TokenStream)> {
    attributes.iter().enumerate().find_map(|(position, attribute)| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => Some((position, list.tokens.clone())),
        _ => None,
    })
}

fn with_inputs(signature: &Signature, change: impl FnOnce(&mut Vec<FnArg>)) -> Signature {
    let mut signature = signature.clone();
    let mut inputs: Vec<FnArg> = signature.inputs.into_iter().collect();
    change(&mut inputs);
    signature.inputs = inputs.into_iter().collect::<Punctuated<_, _>>();
    signature
}

fn attributes(input: &FnArg) -> &[Attribute] {
    match input {
        FnArg::Receiver(receiver) => &receiver.attrs,
        FnArg::Typed(typed) => &typed.attrs,
    }
}

fn attributes_mut(input: &mut FnArg) -> &mut Vec<Attribute> {
    match input {
        FnArg::Receiver(receiver) => &mut receiver.attrs,
        FnArg::Typed(typed) => &mut typed.attrs,
    }
}
