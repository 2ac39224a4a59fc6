//! The loaded models: read when they are first needed, within a memory budget, the least recently
//! used of the idle ones leaving for others.
//!
//! A model is in use as long as somebody holds it. What a request needs is taken as a whole, and who
//! waits for memory holds no model, so that no two requests wait for each other; a load under way has
//! its memory set aside and never waits.

#[cfg(test)]
mod test;

use super::{
    Installed, PoolError,
    entry::{Checked, Engine},
};
use crate::model::{ComputeType, Loading, Model, ModelError};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinHandle};

/// Cheap to clone, shared by all requests.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    slots: BTreeMap<Arc<str>, Slot>,
    budget: u64,
    loading: Loading,
    state: Mutex<State>,
    /// Told of every load that has ended.
    loads: watch::Sender<()>,
}

struct Slot {
    installed: Installed,
    /// Memory that it takes: an estimate until it was loaded for the first time.
    bytes: AtomicU64,
}

impl Slot {
    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct State {
    models: BTreeMap<Arc<str>, Held>,
    clock: u64,
}

enum Held {
    /// Its memory is set aside.
    Loading { bytes: u64 },
    Loaded {
        model: Model,
        bytes: u64,
        last_used: u64,
    },
}

impl Held {
    fn bytes(&self) -> u64 {
        match self {
            Held::Loading { bytes } | Held::Loaded { bytes, .. } => *bytes,
        }
    }
}

/// What to do next for a request.
enum Plan {
    Take(Vec<Model>),
    /// Load these, whose memory is set aside now.
    Load(Vec<Arc<str>>),
    /// Some are being loaded for another request.
    AwaitLoads,
    /// Others are using the memory.
    AwaitMemory,
}

/// How long a request waits for memory that others use before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(10);
/// Models that are let go of do not say so: look again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Pool {
    /// Over the models of a store; none is loaded yet. `budget`: bytes of memory for all of them.
    pub fn new(installed: Vec<Installed>, budget: u64, loading: impl Into<Loading>) -> Self {
        let loading = loading.into();
        let slots = installed.into_iter().map(|installed| {
            // Weights lie as int8 in the files; packed they take about as much. What is loaded is
            // measured.
            let weights = installed.weight_bytes;
            let bytes = AtomicU64::new(match loading.compute {
                ComputeType::Int8 => weights,
                ComputeType::F32 => 4 * weights,
            });
            let id = Arc::from(installed.id.as_str());
            (id, Slot { installed, bytes })
        });
        Pool {
            shared: Arc::new(Shared {
                slots: slots.collect(),
                budget,
                loading,
                state: Mutex::default(),
                loads: watch::Sender::default(),
            }),
        }
    }

    /// The models of the ids, in their order, loaded if they are not. A load goes on when the future
    /// is dropped: the next request finds it done.
    pub async fn get(&self, ids: &[&str]) -> Result<Vec<Model>, PoolError> {
        let mut waiting_since = None;
        // What was loaded for this request must not leave before it is taken.
        let mut held = Vec::new();
        loop {
            let mut loads = self.shared.loads.subscribe();
            match self.plan(ids)? {
                Plan::Take(models) => return Ok(models),
                Plan::Load(missing) => {
                    // All are begun before the first is waited for: an error drops the others'
                    // handles, not their work.
                    let loading: Vec<_> = missing.into_iter().map(|id| self.load(id)).collect();
                    for loaded in loading {
                        let loaded = loaded.await;
                        held.push(loaded.map_err(|_| PoolError::Panicked)??);
                    }
                }
                // The sender lives as long as this pool.
                Plan::AwaitLoads => drop(loads.changed().await),
                Plan::AwaitMemory => {
                    held.clear();
                    let since = waiting_since.get_or_insert_with(tokio::time::Instant::now);
                    if since.elapsed() >= PATIENCE {
                        return Err(PoolError::Busy {
                            ids: ids.join(", "),
                            budget: self.shared.budget,
                        });
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    /// Loads models in order as far as the budget has room; returns those that it has none for.
    pub async fn preload<'a>(&self, ids: &[&'a str]) -> Result<Vec<&'a str>, PoolError> {
        let mut left_out = Vec::new();
        for id in ids {
            let bytes = self.needed(&self.lock(), &[id])?;
            if self.loaded_bytes() + bytes > self.shared.budget {
                left_out.push(*id);
                continue;
            }
            match self.get(&[id]).await {
                Ok(_) => {}
                // It is larger than was expected.
                Err(PoolError::TooLarge { .. } | PoolError::Busy { .. }) => left_out.push(*id),
                Err(error) => return Err(error),
            }
        }
        Ok(left_out)
    }

    /// What lies there of that id.
    pub fn installed(&self, id: &str) -> Option<&Installed> {
        self.shared.slots.get(id).map(|slot| &slot.installed)
    }

    /// Of the installed models, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.shared.slots.keys().map(|id| &**id)
    }

    /// Of the installed models that are `wanted` one that the budget has room for: one that was tried rather
    /// than one that was not, then the one with the largest weights, of equals the last by its id. Where the
    /// budget has room for none, the smallest, whose error says so.
    pub fn best(&self, wanted: impl Fn(&Installed) -> bool) -> Option<&Installed> {
        let wanted = |slot: &&Slot| wanted(&slot.installed);
        let slots = self.shared.slots.values().filter(wanted);
        let (fit, too_large): (Vec<&Slot>, Vec<&Slot>) =
            slots.partition(|slot| slot.bytes() <= self.shared.budget);
        let size = |slot: &&Slot| slot.installed.weight_bytes;
        let worth = |slot: &&Slot| (slot.installed.checked == Checked::Run, size(slot));
        let smallest = || too_large.into_iter().min_by_key(size);
        let found = fit.into_iter().max_by_key(worth).or_else(smallest);
        found.map(|slot| &slot.installed)
    }

    /// The installed models in the order of their ids, and the loaded ones' networks.
    pub fn list(&self) -> Vec<(&Installed, Option<Model>)> {
        let state = self.lock();
        let slots = self.shared.slots.iter();
        slots
            .map(|(id, slot)| match state.models.get(id) {
                Some(Held::Loaded { model, .. }) => (&slot.installed, Some(model.clone())),
                _ => (&slot.installed, None),
            })
            .collect()
    }

    /// Memory of all loaded models and of those being loaded.
    pub fn loaded_bytes(&self) -> u64 {
        self.lock().models.values().map(Held::bytes).sum()
    }

    /// Takes all, or sets memory aside, or says what to wait for.
    fn plan(&self, ids: &[&str]) -> Result<Plan, PoolError> {
        let mut guard = self.lock();
        let needed = self.needed(&guard, ids)?;
        let state = &mut *guard;
        let missing: Vec<Arc<str>> = self
            .shared
            .slots
            .keys()
            .filter(|id| ids.contains(&&***id) && !state.models.contains_key(*id))
            .cloned()
            .collect();
        if !missing.is_empty() {
            if needed > self.shared.budget {
                return Err(PoolError::TooLarge {
                    ids: ids.join(", "),
                    needed,
                    budget: self.shared.budget,
                });
            }
            let bytes = self.needed(state, &missing.iter().map(|id| &**id).collect::<Vec<_>>())?;
            let Some(leaving) = self.make_room(state, bytes, ids) else {
                return Ok(Plan::AwaitMemory);
            };
            for id in &missing {
                let bytes = self.shared.slots.get(id).map_or(0, Slot::bytes);
                state.models.insert(id.clone(), Held::Loading { bytes });
            }
            drop(guard);
            drop(leaving); // not under the lock: giving the memory back takes a while
            return Ok(Plan::Load(missing));
        }
        state.clock += 1;
        let mut taken = Vec::with_capacity(ids.len());
        for id in ids {
            match state.models.get_mut(*id) {
                Some(Held::Loaded {
                    model, last_used, ..
                }) => {
                    *last_used = state.clock;
                    taken.push(model.clone());
                }
                _ => return Ok(Plan::AwaitLoads),
            }
        }
        Ok(Plan::Take(taken))
    }

    /// Lets idle models go, the least recently used first, until `bytes` more fit; never one of
    /// `wanted`. Lets none go, and says so with `None`, where that is not enough.
    fn make_room(&self, state: &mut State, bytes: u64, wanted: &[&str]) -> Option<Vec<Held>> {
        let held: u64 = state.models.values().map(Held::bytes).sum();
        let mut excess = (held + bytes).saturating_sub(self.shared.budget);
        let mut idle: Vec<(u64, u64, Arc<str>)> = state
            .models
            .iter()
            .filter_map(|(id, held)| match held {
                // Nobody but this pool holds it, and while it is locked nobody takes it.
                Held::Loaded {
                    model,
                    bytes,
                    last_used,
                } if model.holders() == 1 && !wanted.contains(&&**id) => {
                    Some((*last_used, *bytes, id.clone()))
                }
                _ => None,
            })
            .collect();
        if idle.iter().map(|(_, bytes, _)| bytes).sum::<u64>() < excess {
            return None;
        }
        idle.sort();
        let mut leaving = Vec::new();
        for (_, bytes, id) in idle {
            if excess == 0 {
                break;
            }
            leaving.extend(state.models.remove(&id));
            excess = excess.saturating_sub(bytes);
            tracing::info!(model = %id, bytes, "a model leaves to make room");
            metrics::counter!("depeche_model_evictions_total", "model" => id.to_string())
                .increment(1);
        }
        self.tell(state);
        Some(leaving)
    }

    /// Tells the operator what is loaded; under the lock, so that the last word is the last state.
    fn tell(&self, state: &State) {
        let bytes: u64 = state.models.values().map(Held::bytes).sum();
        metrics::gauge!("depeche_models_loaded_bytes").set(bytes as f64);
    }

    /// Memory of models, as measured where they are loaded and as estimated where they are not.
    fn needed(&self, state: &State, ids: &[&str]) -> Result<u64, PoolError> {
        let mut sum = 0;
        for id in ids {
            let slot = self.shared.slots.get(*id);
            let slot = slot.ok_or_else(|| PoolError::Unknown((*id).to_owned()))?;
            sum += state
                .models
                .get(*id)
                .map_or_else(|| slot.bytes(), Held::bytes);
        }
        Ok(sum)
    }

    /// Begins to load a model whose memory is set aside.
    fn load(&self, id: Arc<str>) -> JoinHandle<Result<Model, PoolError>> {
        // Whichever way it ends, also if it never runs, the memory is given back.
        let mut ending = Ending {
            pool: self.clone(),
            id,
            loaded: None,
        };
        tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let (shared, id) = (ending.pool.shared.clone(), ending.id.clone());
            let slot = shared.slots.get(&id);
            let slot = slot.ok_or_else(|| PoolError::Unknown(id.to_string()))?;
            let model = load(&slot.installed, shared.loading)?;
            let bytes = model.resident_bytes();
            slot.bytes.store(bytes as u64, Ordering::Relaxed);
            let ms = started.elapsed().as_millis() as u64;
            tracing::info!(model = %id, ms, bytes, "loaded");
            ending.well(model.clone());
            Ok(model)
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Models are moved in and out as a whole: a state that a panic left is as good as any.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a model with the network that runs it.
fn load(installed: &Installed, loading: Loading) -> Result<Model, PoolError> {
    let folder = &installed.folder;
    match installed.engine {
        Engine::Student => Ok(Model::student(folder, loading)?),
        Engine::Causal => Ok(Model::instruction(folder)?),
        Engine::Marian => Ok(Model::marian(folder, loading.compute)?),
        Engine::T5 => Ok(Model::t5(folder, loading.compute)?),
    }
}

/// The end of a load, whichever way it ends.
struct Ending {
    pool: Pool,
    id: Arc<str>,
    loaded: Option<Model>,
}

impl Ending {
    fn well(&mut self, model: Model) {
        self.loaded = Some(model);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.clock += 1;
        let last_used = state.clock;
        let mut leaving = None;
        match self.loaded.take() {
            Some(model) => {
                let bytes = model.resident_bytes() as u64;
                let held = Held::Loaded {
                    model,
                    bytes,
                    last_used,
                };
                state.models.insert(self.id.clone(), held);
                // It may take more than was set aside.
                leaving = self.pool.make_room(&mut state, 0, &[&self.id]);
            }
            None => drop(state.models.remove(&self.id)),
        }
        self.pool.tell(&state);
        drop(state);
        drop(leaving);
        self.pool.shared.loads.send_replace(());
    }
}

impl From<ModelError> for PoolError {
    fn from(error: ModelError) -> Self {
        PoolError::Model(Arc::new(error))
    }
}
