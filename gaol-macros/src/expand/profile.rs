//! The static profile: the literals as a value that is built while the program is compiled.

use std::time::Duration;

use gaol_spec::PatternKind;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, format_ident, quote};

use crate::ast::Key;
use crate::spec::{Object, Operation, Profile};

/// The statics that the profile borrows from.
pub(super) fn statics(private: &TokenStream, profile: &Profile) -> TokenStream {
    let operations = profile.operations.iter().map(|operation| operation_value(private, operation));
    let operation_count = profile.operations.len();
    let variables = profile.environment.iter().map(|name| {
        let name = name.value();
        quote!(#private::Cow::Borrowed(#name))
    });
    let variable_count = profile.environment.len();
    quote! {
        static __GAOL_OPERATIONS: [#private::Operation; #operation_count] = [#(#operations),*];
        static __GAOL_ENVIRONMENT: [#private::Cow<'static, str>; #variable_count] = [#(#variables),*];
    }
}

fn operation_value(private: &TokenStream, operation: &Operation) -> TokenStream {
    let variant = match operation.key {
        Key::Read => quote!(FileReadAll),
        Key::Write => quote!(FileWriteAll),
        Key::Metadata => quote!(FileReadMetadata),
        Key::Exec => quote!(ProcessExec),
        Key::Listen => quote!(NetworkInbound),
        Key::System => quote!(SystemInfoRead),
        _ => quote!(NetworkOutbound),
    };
    let path = |path: &str| quote!(#private::ProfilePath::from_checked(#path));
    let pattern = match &operation.object {
        Object::Path(PatternKind::Literal, literal) => call(quote!(PathPattern::Literal), path(literal)),
        Object::Path(PatternKind::Subpath, subpath) => call(quote!(PathPattern::Subpath), path(subpath)),
        Object::AllAddresses => quote!(AddressPattern::All),
        Object::TcpPort(port) => call(quote!(AddressPattern::Tcp), Literal::u16_unsuffixed(*port)),
        Object::UdpPort(port) => call(quote!(AddressPattern::Udp), Literal::u16_unsuffixed(*port)),
        Object::LocalSocket(socket) => call(quote!(AddressPattern::LocalSocket), path(socket)),
        Object::SystemInfo => return quote!(#private::Operation::#variant),
    };
    quote!(#private::Operation::#variant(#private::#pattern))
}

fn call(constructor: TokenStream, argument: impl ToTokens) -> TokenStream {
    quote!(#constructor(#argument))
}

/// The profile itself.
pub(super) fn value(private: &TokenStream, profile: &Profile) -> TokenStream {
    let limits = limits(private, profile);
    let stdout = variant(profile.stdout);
    let stderr = variant(profile.stderr);
    let process = variant(profile.process);
    let violation = variant(profile.violation);
    quote! {
        #private::Profile::from_parts(
            &__GAOL_OPERATIONS,
            &__GAOL_ENVIRONMENT,
            #limits,
            #private::Output::#stdout,
            #private::Output::#stderr,
            #private::Process::#process,
            #private::Violation::#violation,
        )
    }
}

/// The variant's name: the library re-exports these enums.
fn variant(choice: impl std::fmt::Debug) -> Ident {
    format_ident!("{}", format!("{choice:?}"))
}

fn limits(private: &TokenStream, profile: &Profile) -> TokenStream {
    let optional = |value: Option<TokenStream>| match value {
        Some(value) => quote!(#private::Option::Some(#value)),
        None => quote!(#private::Option::None),
    };
    let duration = |value: Option<Duration>| {
        optional(value.map(|value| {
            let seconds = Literal::u64_unsuffixed(value.as_secs());
            let nanoseconds = Literal::u32_unsuffixed(value.subsec_nanos());
            quote!(#private::Duration::new(#seconds, #nanoseconds))
        }))
    };
    let number = |value: Option<u64>| optional(value.map(|value| Literal::u64_unsuffixed(value).into_token_stream()));
    let time = duration(profile.time.value());
    let cpu = duration(profile.cpu.value());
    let memory = number(profile.memory.value());
    let files = number(profile.files.value());
    let threads = number(profile.threads.value());
    let file_size = number(profile.file_size.value());
    let reply = number(profile.reply.value());
    quote!(#private::Limits::from_parts(#time, #cpu, #memory, #files, #threads, #file_size, #reply))
}
