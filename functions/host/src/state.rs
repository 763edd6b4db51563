use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use wasmtime::{ResourceLimiter, UpdateDeadline};
use wasmtime_wasi::{
    FsPerms, WasiCtxBuilder, WasiCtxView, WasiView, p1::WasiP1Ctx, p2::pipe::MemoryInputPipe,
};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{
    Call, CallError, Grants, Limits, Shop, Usage,
    clock::{CallTime, NoTime},
    kinds::{Outbound, Returned},
    meter::Meter,
    nn,
    pipe::{Beyond, Pipe},
    ticker::TICK,
};

/// Guests that run long let others have the thread after so many ticks.
const TURN: u64 = 4;

/// A guest that ends within this time never lets go of the thread.
const TURN_AFTER: Duration = Duration::from_millis(8);

/// Everything that one call's store holds.
pub(crate) struct State {
    pub(crate) budget: Budget,
    pub(crate) stdout: Pipe,
    pub(crate) stderr: Pipe,
    pub(crate) function: Arc<str>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) shop: Arc<dyn Shop>,
    /// What a plugin has returned.
    pub(crate) returned: Returned,
    pub(crate) nn: nn::Session,
    wasi: WasiP1Ctx,
    http: WasiHttpCtx,
    outbound: Outbound,
}

/// How much of its limits a call has used.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    started: Instant,
    meter: Arc<Meter>,
    memory: usize,
    most_memory: usize,
    table_elements: usize,
    host_calls: u64,
    /// The limit that ended the guest, or that it was refused to exceed.
    exceeded: Option<CallError>,
}

impl State {
    /// # Errors
    ///
    /// If a folder that was granted is not there.
    pub(crate) fn new(
        function: &Arc<str>,
        limits: Limits,
        grants: &Arc<Grants>,
        call: &Call,
        nn: nn::Session,
    ) -> Result<Self, CallError> {
        let stdout = Pipe::new(limits.stdout, Beyond::Trap);
        let stderr = Pipe::new(limits.stderr, Beyond::Drop);
        stderr.tell(call.lines.as_ref());
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdin(MemoryInputPipe::new(call.payload.clone()))
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .max_random_size(1 << 20)
            .arg(function);
        for argument in &grants.arguments {
            wasi.arg(argument);
        }
        for (name, value) in nn.environment() {
            if !grants.environment.contains_key(&name) {
                wasi.env(name, value);
            }
        }
        for (name, value) in &grants.environment {
            wasi.env(name, value);
        }
        if let Some(data) = &call.data {
            wasi.env("DATA", data);
        }
        if !grants.clock {
            wasi.wall_clock(NoTime).monotonic_clock(CallTime::start());
        }
        for folder in &grants.folders {
            let permissions = if folder.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            wasi.preopened_dir(&folder.host, &folder.guest, permissions)
                .map_err(|error| CallError::Host(format!("folder {}: {error:#}", folder.host.display())))?;
        }
        Ok(Self {
            budget: Budget::new(limits),
            stdout,
            stderr,
            function: Arc::clone(function),
            grants: Arc::clone(grants),
            shop: Arc::clone(&call.shop),
            returned: Returned::default(),
            nn,
            wasi: wasi.build_p1(),
            http: WasiHttpCtx::new(),
            outbound: Outbound::new(Arc::clone(grants)),
        })
    }

    pub(crate) fn wasi_p1(&mut self) -> &mut WasiP1Ctx {
        &mut self.wasi
    }

    /// For an instance that outlives a call: the next one's budget, input and buffers.
    pub(crate) fn next(&mut self, call: &Call, limits: Limits, nn: nn::Session) {
        let memory = (self.budget.memory, self.budget.table_elements);
        self.budget = Budget::new(limits);
        (self.budget.memory, self.budget.table_elements) = memory;
        self.budget.most_memory = memory.0;
        self.shop = Arc::clone(&call.shop);
        self.returned = Returned::default();
        self.stderr.tell(call.lines.as_ref());
        self.nn = nn;
    }

    /// Called every few ticks while the guest computes.
    pub(crate) fn tick(&mut self) -> UpdateDeadline {
        self.budget.tick(self.nn.computed())
    }

    /// Called for every call out of the guest.
    ///
    /// # Errors
    ///
    /// If there were too many, or a model has used up the call's time of a processor.
    pub(crate) fn host_call(&mut self) -> wasmtime::Result<()> {
        self.budget.host_call(self.nn.computed())
    }

    /// What was used so far, by a guest that does not run now.
    pub(crate) fn usage(&self) -> Usage {
        self.budget.usage(self.nn.computed())
    }

    /// For an instance that waits for its next call: what it wrote in the last one is gone, and nobody is told more of it.
    pub(crate) fn rest(&mut self) {
        self.stdout.take();
        self.stderr.tell(None);
    }

    /// Writes a line of the guest's to its log.
    pub(crate) fn log(&self, level: &str, message: &str) {
        let line = message.replace(['\n', '\r'], " ");
        self.stderr.push(format!("{level}: {line}\n").as_bytes());
    }

    pub(crate) fn stderr_bytes(&self) -> Bytes {
        self.stderr.take()
    }
}

impl Budget {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            started: Instant::now(),
            meter: Arc::default(),
            memory: 0,
            most_memory: 0,
            table_elements: 0,
            host_calls: 0,
            exceeded: None,
        }
    }

    /// How long the call may take.
    pub(crate) fn time(&self) -> Duration {
        self.limits.time
    }

    pub(crate) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// See [`State::usage`]; `outside` is what models took.
    fn usage(&self, outside: Duration) -> Usage {
        Usage {
            time: self.started.elapsed(),
            cpu: self.meter.spent() + outside,
            models: outside,
            memory: self.most_memory,
            host_calls: self.host_calls,
        }
    }

    pub(crate) fn exceeded(&self) -> Option<&CallError> {
        self.exceeded.as_ref()
    }

    /// See [`State::tick`].
    fn tick(&mut self, outside: Duration) -> UpdateDeadline {
        if self.started.elapsed() >= self.limits.time {
            self.exceeded = Some(CallError::OutOfTime(self.limits.time));
            UpdateDeadline::Interrupt
        } else if self.meter.now() + outside >= self.limits.cpu {
            self.exceeded = Some(CallError::OutOfCpu(self.limits.cpu));
            UpdateDeadline::Interrupt
        } else if self.started.elapsed() < TURN_AFTER {
            UpdateDeadline::Continue(1)
        } else {
            UpdateDeadline::Yield(TURN.min(self.ticks_left()))
        }
    }

    /// See [`State::host_call`].
    fn host_call(&mut self, outside: Duration) -> wasmtime::Result<()> {
        self.host_calls += 1;
        if self.host_calls > self.limits.host_calls {
            self.exceeded = Some(CallError::TooManyHostCalls(self.limits.host_calls));
            wasmtime::bail!("too many host calls");
        }
        // The guest's own time is looked at by the clock; what was computed for it may come to more in one call.
        if !outside.is_zero() && self.meter.now() + outside >= self.limits.cpu {
            self.exceeded = Some(CallError::OutOfCpu(self.limits.cpu));
            wasmtime::bail!("too much of a processor's time");
        }
        Ok(())
    }

    fn ticks_left(&self) -> u64 {
        let left = self.limits.time.saturating_sub(self.started.elapsed());
        u64::try_from(left.as_micros() / TICK.as_micros()).unwrap_or(u64::MAX).max(1)
    }
}

/// What is allowed is charged, unless it will fail for a maximum that the memory or table has of its own. That is not left to
/// `memory_grow_failed` and `table_grow_failed`: they are also told of growths that were never asked for here, for which a guest
/// would be given back what it has.
impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let memory = self.memory - current.min(self.memory) + desired;
        if memory > self.limits.memory {
            self.exceeded = Some(CallError::OutOfMemory(self.limits.memory));
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.memory = memory;
        self.most_memory = self.most_memory.max(memory);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let elements = self.table_elements - current.min(self.table_elements) + desired;
        if elements > self.limits.table_elements {
            self.exceeded = Some(CallError::OutOfTables);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table_elements = elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.instances
    }

    fn memories(&self) -> usize {
        self.limits.instances
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let WasiCtxView { table, .. } = self.wasi.ctx();
        WasiHttpCtxView { ctx: &mut self.http, table, hooks: &mut self.outbound }
    }
}
