//! The face of `astrid:process@1.0.0`: generated bindings, and conversion to and from the engine.
#![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

use astrid_host_io::Pollable;
use wasmtime::component::Resource;

use self::astrid::process::host;
use crate::error::arms;
use crate::{
    Error, Exit, Keep, LogStream, OverflowPolicy, Phase, ProcessCtxView, ProcessHandle, ResourceLimits,
    Signal, SpawnRequest,
};

wasmtime::component::bindgen!({
    path: "wit",
    interfaces: "import astrid:process/host@1.0.0;",
    imports: {
        "astrid:process/host@1.0.0.spawn": async | trappable,
        "astrid:process/host@1.0.0.spawn-background": async | trappable,
        "astrid:process/host@1.0.0.spawn-persistent": async | trappable,
        "astrid:process/host@1.0.0.list-processes": async | trappable,
        "astrid:process/host@1.0.0.status": async | trappable,
        "astrid:process/host@1.0.0.status-many": async | trappable,
        "astrid:process/host@1.0.0.write-stdin": async | trappable,
        "astrid:process/host@1.0.0.wait": async | trappable,
        "astrid:process/host@1.0.0.stop": async | trappable,
        "astrid:process/host@1.0.0.[method]process-handle.write-stdin": async | trappable,
        "astrid:process/host@1.0.0.[method]process-handle.kill": async | trappable,
        "astrid:process/host@1.0.0.[method]process-handle.wait": async | trappable,
        "astrid:process/host@1.0.0.[method]process-handle.wait-with-output": async | trappable,
        default: trappable,
    },
    trappable_error_type: { "astrid:process/host@1.0.0.error-code" => crate::Error },
    with: {
        "astrid:io": astrid_host_io::v1_0::astrid::io,
        "astrid:process/host@1.0.0.process-handle": crate::ProcessHandle,
    },
});

impl host::Host for ProcessCtxView<'_> {
    async fn spawn(&mut self, request: host::SpawnRequest) -> Result<host::ProcessResult, Error> {
        Ok(result(ProcessCtxView::spawn(self, engine(request)).await?))
    }

    async fn spawn_background(
        &mut self,
        request: host::SpawnRequest,
    ) -> Result<Resource<ProcessHandle>, Error> {
        ProcessCtxView::spawn_background(self, engine(request)).await
    }

    async fn spawn_persistent(&mut self, request: host::SpawnRequest) -> Result<String, Error> {
        ProcessCtxView::spawn_persistent(self, engine(request)).await
    }

    fn attach(&mut self, id: String) -> Result<Resource<ProcessHandle>, Error> {
        ProcessCtxView::attach(self, &id)
    }

    async fn list_processes(&mut self, label: Option<String>) -> Result<Vec<host::ProcessInfo>, Error> {
        let infos = ProcessCtxView::list_processes(self, label.as_deref()).await?;
        Ok(infos.into_iter().map(info).collect())
    }

    async fn status(&mut self, id: String) -> Result<host::ProcessInfo, Error> {
        Ok(info(ProcessCtxView::status(self, &id).await?))
    }

    async fn status_many(&mut self, ids: Vec<String>) -> Result<Vec<host::ProcessInfo>, Error> {
        Ok(ProcessCtxView::status_many(self, &ids).await?.into_iter().map(info).collect())
    }

    fn read_logs(&mut self, id: String) -> Result<host::ReadLogsResult, Error> {
        Ok(logs(ProcessCtxView::read_logs(self, &id)?))
    }

    fn read_since(
        &mut self,
        id: String,
        stream: host::LogStream,
        cursor: host::LogCursor,
        max_bytes: u32,
    ) -> Result<host::LogChunk, Error> {
        let stream = match stream {
            host::LogStream::Stdout => LogStream::Stdout,
            host::LogStream::Stderr => LogStream::Stderr,
        };
        Ok(chunk(ProcessCtxView::read_since(self, &id, stream, cursor.token.as_deref(), max_bytes)?))
    }

    async fn write_stdin(&mut self, id: String, data: Vec<u8>) -> Result<u32, Error> {
        ProcessCtxView::write_stdin(self, &id, &data).await
    }

    fn close_stdin(&mut self, id: String) -> Result<(), Error> {
        ProcessCtxView::close_stdin(self, &id)
    }

    fn signal(&mut self, id: String, sig: host::ProcessSignal) -> Result<(), Error> {
        ProcessCtxView::signal(self, &id, signal(sig))
    }

    async fn wait(&mut self, id: String, timeout_ms: u64) -> Result<host::ExitInfo, Error> {
        Ok(exit(ProcessCtxView::wait(self, &id, timeout_ms).await?))
    }

    async fn stop(&mut self, id: String, grace_ms: Option<u64>) -> Result<host::ExitInfo, Error> {
        Ok(exit(ProcessCtxView::stop(self, &id, grace_ms).await?))
    }

    fn release_process(&mut self, id: String) -> Result<(), Error> {
        ProcessCtxView::release_process(self, &id)
    }

    fn watch(&mut self, id: String, suffix: Option<String>) -> Result<(), Error> {
        ProcessCtxView::watch(self, &id, suffix)
    }

    fn unwatch(&mut self, id: String) -> Result<(), Error> {
        ProcessCtxView::unwatch(self, &id)
    }

    fn convert_error_code(&mut self, error: Error) -> wasmtime::Result<host::ErrorCode> {
        arm(error.into())
    }
}

impl host::HostProcessHandle for ProcessCtxView<'_> {
    fn read_logs(&mut self, this: Resource<ProcessHandle>) -> Result<host::ReadLogsResult, Error> {
        Ok(logs(ProcessCtxView::handle_read_logs(self, &this)?))
    }

    async fn write_stdin(&mut self, this: Resource<ProcessHandle>, data: Vec<u8>) -> Result<u32, Error> {
        ProcessCtxView::handle_write_stdin(self, &this, &data).await
    }

    fn close_stdin(&mut self, this: Resource<ProcessHandle>) -> Result<(), Error> {
        ProcessCtxView::handle_close_stdin(self, &this)
    }

    fn signal(&mut self, this: Resource<ProcessHandle>, sig: host::ProcessSignal) -> Result<(), Error> {
        ProcessCtxView::handle_signal(self, &this, signal(sig))
    }

    async fn kill(&mut self, this: Resource<ProcessHandle>) -> Result<host::KillResult, Error> {
        let killed = ProcessCtxView::handle_kill(self, &this).await?;
        Ok(host::KillResult {
            killed: killed.killed,
            exit: killed.exit.map(exit),
            stdout: killed.stdout,
            stderr: killed.stderr,
        })
    }

    async fn wait(
        &mut self,
        this: Resource<ProcessHandle>,
        timeout_ms: Option<u64>,
    ) -> Result<host::ExitInfo, Error> {
        Ok(exit(ProcessCtxView::handle_wait(self, &this, timeout_ms).await?))
    }

    async fn wait_with_output(
        &mut self,
        this: Resource<ProcessHandle>,
        timeout_ms: Option<u64>,
    ) -> Result<host::ProcessResult, Error> {
        Ok(result(ProcessCtxView::handle_wait_with_output(self, &this, timeout_ms).await?))
    }

    fn os_pid(&mut self, this: Resource<ProcessHandle>) -> Result<u32, Error> {
        ProcessCtxView::handle_os_pid(self, &this)
    }

    fn subscribe_exit(&mut self, this: Resource<ProcessHandle>) -> wasmtime::Result<Resource<Pollable>> {
        Ok(ProcessCtxView::handle_subscribe_exit(self, &this)?)
    }

    fn subscribe_logs(&mut self, this: Resource<ProcessHandle>) -> wasmtime::Result<Resource<Pollable>> {
        Ok(ProcessCtxView::handle_subscribe_logs(self, &this)?)
    }

    fn drop(&mut self, this: Resource<ProcessHandle>) -> wasmtime::Result<()> {
        Ok(ProcessCtxView::drop_handle(self, this)?)
    }
}

fn arm(arm: arms::V1_0) -> wasmtime::Result<host::ErrorCode> {
    Ok(match arm {
        arms::V1_0::CapabilityDenied => host::ErrorCode::CapabilityDenied,
        arms::V1_0::InvalidInput => host::ErrorCode::InvalidInput,
        arms::V1_0::BoundaryEscape => host::ErrorCode::BoundaryEscape,
        arms::V1_0::Quota => host::ErrorCode::Quota,
        arms::V1_0::TooLarge => host::ErrorCode::TooLarge,
        arms::V1_0::Closed => host::ErrorCode::Closed,
        arms::V1_0::Cancelled => host::ErrorCode::Cancelled,
        arms::V1_0::WaitTimeout => host::ErrorCode::WaitTimeout,
        arms::V1_0::NoSuchProcess => host::ErrorCode::NoSuchProcess,
        arms::V1_0::RegistryFull => host::ErrorCode::RegistryFull,
        arms::V1_0::PersistUnsupported => host::ErrorCode::PersistUnsupported,
        arms::V1_0::Unknown(text) => host::ErrorCode::Unknown(text),
        arms::V1_0::Trap(error) => return Err(error.into()),
    })
}

fn engine(request: host::SpawnRequest) -> SpawnRequest {
    let limits = request.limits.map(|limits| ResourceLimits {
        max_memory_bytes: limits.max_memory_bytes,
        max_cpu_secs: limits.max_cpu_secs,
        max_pids: limits.max_pids,
        max_open_files: limits.max_open_files,
    });
    let keep = Keep {
        label: request.label,
        keep_stdin_open: request.keep_stdin_open,
        overflow: request.overflow.map(|policy| match policy {
            host::OverflowPolicy::DropOldest => OverflowPolicy::DropOldest,
            host::OverflowPolicy::Backpressure => OverflowPolicy::Backpressure,
        }),
        log_ring_bytes: request.log_ring_bytes,
        max_lifetime_ms: request.max_lifetime_ms,
        idle_timeout_ms: request.idle_timeout_ms,
        exit_retention_ms: request.exit_retention_ms,
    };
    SpawnRequest {
        cmd: request.cmd,
        args: request.args,
        stdin: request.stdin,
        env: request.env.into_iter().map(|pair| (pair.key, pair.value)).collect(),
        cwd: request.cwd,
        limits,
        file_injections: Vec::new(),
        keep,
    }
}

fn signal(signal: host::ProcessSignal) -> Signal {
    match signal {
        host::ProcessSignal::Term => Signal::Term,
        host::ProcessSignal::Hup => Signal::Hup,
        host::ProcessSignal::Usr1 => Signal::Usr1,
        host::ProcessSignal::Usr2 => Signal::Usr2,
        host::ProcessSignal::Int => Signal::Int,
        host::ProcessSignal::Stop => Signal::Stop,
        host::ProcessSignal::Cont => Signal::Cont,
    }
}

fn exit(exit: Exit) -> host::ExitInfo {
    host::ExitInfo { exit_code: exit.code, signal: exit.signal }
}

fn result(result: crate::ProcessResult) -> host::ProcessResult {
    host::ProcessResult { stdout: result.stdout, stderr: result.stderr, exit: exit(result.exit) }
}

fn logs(logs: crate::Logs) -> host::ReadLogsResult {
    let exit = logs.exit.map(exit);
    host::ReadLogsResult { stdout: logs.stdout, stderr: logs.stderr, running: logs.running, exit }
}

fn chunk(chunk: crate::LogChunk) -> host::LogChunk {
    host::LogChunk {
        data: chunk.data,
        next: host::LogCursor { token: Some(chunk.next) },
        bytes_dropped: chunk.bytes_dropped,
        drained_eof: chunk.drained_eof,
    }
}

fn info(info: crate::ProcessInfo) -> host::ProcessInfo {
    host::ProcessInfo {
        id: info.id,
        label: info.label,
        command: info.command,
        os_pid: info.os_pid,
        phase: match info.phase {
            Phase::Running => host::ProcessPhase::Running,
            Phase::Exited => host::ProcessPhase::Exited,
        },
        exit: info.exit.map(exit),
        age_ms: info.age_ms,
        idle_ms: info.idle_ms,
        buffered_bytes: info.buffered_bytes,
        bytes_dropped: info.bytes_dropped,
        stdin_open: info.stdin_open,
        cpu_ms: info.cpu_ms,
        mem_bytes_peak: info.mem_bytes_peak,
    }
}
