//! The list of packages this host offers. Adding a domain or a version is one line here.

use wasmtime::component::Linker;

macro_rules! packages {
    ($(($package:literal, $version:literal, $link:path, $view:path),)*) => {
        /// Every (package, version) that [`crate::Kernel::add_to_linker`] links, `astrid:` left out.
        pub const PACKAGES: &[(&str, &str)] = &[$(($package, $version)),*];

        /// What a store's data implements to have all of them: the union of the domains' views.
        pub trait KernelView: $($view +)* {}
        impl<T: $($view +)*> KernelView for T {}

        pub(crate) fn link_all<T: KernelView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
            $($link(linker)?;)*
            Ok(())
        }
    };
}

packages! {
    ("approval", "1.0.0", astrid_host_approval::add_to_linker, astrid_host_approval::ApprovalView),
    ("elicit", "1.0.0", astrid_host_elicit::add_to_linker, astrid_host_elicit::ElicitView),
    ("fs", "1.0.0", astrid_host_fs::add_to_linker, astrid_host_fs::FsView),
    ("guest", "1.0.0", astrid_guest::add_to_linker, astrid_host_context::HostContext),
    ("http", "1.0.0", astrid_host_http::add_to_linker, astrid_host_http::HttpView),
    ("http", "1.1.0", astrid_host_http_v1_1::add_to_linker, astrid_host_http::HttpView),
    ("identity", "1.0.0", astrid_host_identity::add_to_linker, astrid_host_identity::IdentityView),
    ("io", "1.0.0", astrid_host_io::add_to_linker, astrid_host_io::IoView),
    ("ipc", "1.0.0", astrid_host_ipc::add_to_linker, astrid_host_ipc::IpcView),
    ("kv", "1.0.0", astrid_host_kv::add_to_linker, astrid_host_kv::KvView),
    ("net", "1.0.0", astrid_host_net::add_to_linker, astrid_host_net::NetView),
    ("process", "1.0.0", astrid_host_process::add_to_linker, astrid_host_process::ProcessView),
    ("process", "1.1.0", astrid_host_process_v1_1::add_to_linker, astrid_host_process::ProcessView),
    ("request-context", "1.0.0", astrid_host_request_context::add_to_linker, astrid_host_request_context::RequestContextView),
    ("sys", "1.0.0", astrid_host_sys::add_to_linker, astrid_host_sys::SysView),
    ("uplink", "1.0.0", astrid_host_uplink::add_to_linker, astrid_host_uplink::UplinkView),
}
