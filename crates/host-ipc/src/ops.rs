//! The package's functions, each as one method of [`crate::IpcCtxView`].

mod publish;
mod receive;
mod subscribe;

pub use subscribe::Subscription;
