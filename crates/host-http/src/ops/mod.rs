//! The functions of the package.

mod request;
mod start;
mod stream;
mod upload;

pub use request::{Meta, Response};
pub use upload::HttpUpload;
