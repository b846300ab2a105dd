//! The face of `astrid:io@1.0.0`: generated bindings, and conversion to and from the engine.
//!
//! Other host crates name these modules in their own `bindgen!`:
//! `with: { "astrid:io": astrid_host_io::v1_0::astrid::io }`.
#![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

mod poll;
mod streams;

wasmtime::component::bindgen!({
    path: "wit",
    interfaces: "
        import astrid:io/error@1.0.0;
        import astrid:io/poll@1.0.0;
        import astrid:io/streams@1.0.0;
    ",
    imports: {
        "astrid:io/poll@1.0.0.poll": async | trappable,
        "astrid:io/poll@1.0.0.[method]pollable.block": async | trappable,
        "astrid:io/streams@1.0.0.[method]input-stream.blocking-read": async | trappable,
        "astrid:io/streams@1.0.0.[method]input-stream.blocking-skip": async | trappable,
        "astrid:io/streams@1.0.0.[method]output-stream.blocking-write-and-flush": async | trappable,
        "astrid:io/streams@1.0.0.[method]output-stream.blocking-flush": async | trappable,
        "astrid:io/streams@1.0.0.[method]output-stream.blocking-write-zeroes-and-flush": async | trappable,
        "astrid:io/streams@1.0.0.[method]output-stream.blocking-splice": async | trappable,
        default: trappable,
    },
    trappable_error_type: {
        "astrid:io/poll@1.0.0.error-code" => crate::Error,
        "astrid:io/streams@1.0.0.stream-error" => crate::Error,
    },
    with: {
        "astrid:io/error@1.0.0.error": crate::IoError,
        "astrid:io/poll@1.0.0.pollable": crate::Pollable,
        "astrid:io/streams@1.0.0.input-stream": crate::InputStream,
        "astrid:io/streams@1.0.0.output-stream": crate::OutputStream,
    },
});
