//! The shim as a program of its own, for embedders who do not want to show theirs to what they start.

fn main() {
    astrid_process_sandbox::shim::enter_if_asked();
    eprintln!("this program is started by astrid-process-sandbox alone");
    std::process::exit(2);
}
