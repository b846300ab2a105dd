//! A real guest in a real store, with sources it is given through two extra imports.

use std::sync::LazyLock;

use astrid_host_io::{IoTable, OutputStream, Pollable, add_to_linker};
use wasmtime::component::{Component, Instance, Linker, Resource};
use wasmtime::{Engine, Store, StoreContextMut};

use super::{Gate, Sink, State, gate, sink, state};

pub(crate) static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::default);
pub(crate) static GUEST: LazyLock<Component> =
    LazyLock::new(|| Component::new(&ENGINE, include_str!("guest.wat")).unwrap());

/// A store's state with the sources that its guest is given.
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) gates: Vec<Gate>,
    pub(crate) sinks: Vec<Sink>,
    pub(crate) open: bool,
}

impl astrid_host_context::HostContext for World {
    fn host(&mut self) -> astrid_host_context::HostCx<'_> {
        self.state.host.cx()
    }
}

impl astrid_host_io::IoView for World {
    fn io(&mut self) -> astrid_host_io::IoCtxView<'_> {
        astrid_host_io::IoView::io(&mut self.state)
    }
}

fn linker() -> Linker<World> {
    let mut linker = Linker::<World>::new(&ENGINE);
    add_to_linker(&mut linker).unwrap();
    let mut root = linker.root();
    root.func_wrap("give-pollable", |mut store: StoreContextMut<'_, World>, ()| {
        let world = store.data_mut();
        let (gate, source) = gate();
        if world.open {
            gate.open();
        }
        world.gates.push(gate);
        let given: Resource<Pollable> = world.state.host.cx().push_pollable(source)?;
        Ok((given,))
    })
    .unwrap();
    root.func_wrap("give-output", |mut store: StoreContextMut<'_, World>, ()| {
        let world = store.data_mut();
        let (far, end) = sink();
        world.sinks.push(far);
        let given: Resource<OutputStream> = world.state.host.cx().push_output(end)?;
        Ok((given,))
    })
    .unwrap();
    linker
}

pub(crate) async fn guest(open: bool) -> (Store<World>, Instance) {
    let world = World { state: state(), gates: Vec::new(), sinks: Vec::new(), open };
    let mut store = Store::new(&ENGINE, world);
    let instance = linker().instantiate_async(&mut store, &GUEST).await.unwrap();
    (store, instance)
}

pub(crate) async fn run(store: &mut Store<World>, instance: &Instance, what: u32) -> wasmtime::Result<u32> {
    let run = instance.get_typed_func::<(u32,), (u32,)>(&mut *store, "run")?;
    Ok(run.call_async(&mut *store, (what,)).await?.0)
}
