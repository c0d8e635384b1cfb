//! What the application keeps: its zygote, and the templates of its profiles.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::Instant;

use super::queue::Queue;
use crate::call::freshness::PathWatcher;
use crate::call::idle_workers::{Attendant, Found};
use crate::call::inherited_streams;
use crate::call::leaked::LeakedCell;
use crate::error::PathProblem;
use crate::process::template::handle::{Arrived, NoWorker, Template, Worker};
use crate::process::template::prewarmed::{NoTemplate, PrewarmedTemplate};
use crate::process::zygote::handle::{NotStarted, Zygote};
use crate::profile::{Process, Profile};
use crate::support::{Layer, Layers};
use crate::sys::os::identity::Identity;
use crate::sys::paths::{Unresolved, Writable, resolve, stand_in};
use crate::sys::plan::{Plan, Reason, Refusal};

/// How often something that changed under gaol's hands is looked at again.
const ATTEMPTS: u32 = 4;

/// How many templates of profiles that only calls know (constants, variables) are kept.
const MOST_CACHED: usize = 64;

/// How many zygotes there are, where threads differ in what they have given up.
const MOST_ZYGOTES: usize = 8;

/// How many templates expect a call.
const MOST_BLANKS: usize = 4;

/// What is kept for threads that are the same to the kernel, of one process of the application. After a fork the new process gets its own.
#[derive(Debug)]
pub(crate) struct Application {
    /// Whom the children belong to. What it gives up later, they would keep.
    owner: Identity,
    /// What another thread of the process is, or this one was before.
    older: Option<&'static Self>,
    /// The calls that are under way, and those that wait for their turn.
    pub(crate) queue: &'static Queue,
    /// When its zygote was started, in the order of all.
    used: AtomicU64,
    zygote: Mutex<Option<Arc<Zygote>>>,
    templates: RwLock<HashMap<Key, Arc<Template>>>,
    /// Held while a template is made, so that threads that call at once make one.
    making: Mutex<()>,
    /// Templates that expect the next call whose profile names its arguments.
    prewarmed_templates: Mutex<Vec<PrewarmedTemplate>>,
    /// Templates that a spare is still to arrive from.
    owing: Mutex<Vec<Weak<Template>>>,
    /// What refused namespaces on this system, once something did.
    no_namespaces: OnceLock<Refusal>,
    /// A filter that this process is under ends whoever asks for Landlock.
    lethal_landlock: AtomicBool,
    /// Hears of changes on the way to many paths. Without one they are looked at.
    watcher: OnceLock<Option<Arc<PathWatcher>>>,
    /// Looks after the workers that are kept.
    pub(crate) attendant: Attendant,
    /// Which kinds of operations can be allowed together, as far as was asked.
    possible: Mutex<HashMap<(Profile, Layers), Result<Layers, Refusal>>>,
}

/// What a template is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To fork workers.
    Serve,
    /// To see whether these very layers can be entered.
    Probe,
    /// To see whether a profile can be entered, in whatever tier this system has.
    TryOut,
    /// The same for the kinds of its operations.
    Kind,
}

/// Which calls share a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// Those of one function whose profile is all literals.
    Entry(u64, Layers),
    /// Those of one profile, and its place in the order of their making.
    Profile(Box<Profile>, Layers),
}

/// Why there is no worker.
pub(crate) enum Unavailable {
    Unresolved(Unresolved),
    Refused(Refusal),
    NotStarted(NotStarted),
}

/// Why a call has no worker.
pub(crate) enum Unserved {
    /// The time to wait for one is over.
    Late,
    Unavailable(Unavailable),
}

impl From<Unavailable> for Unserved {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl Unavailable {
    /// The errno of something that is short on this system, or that a limit bounds: other calls may give some of it back.
    pub(crate) fn shortage(&self) -> Option<i32> {
        let errno = match self {
            Self::NotStarted(NotStarted { source, .. }) => source.raw_os_error()?,
            Self::Refused(refusal) if refusal.reason == Reason::Resources => refusal.errno,
            Self::Unresolved(Unresolved { problem: PathProblem::Io(error), .. }) => error.raw_os_error()?,
            Self::Unresolved(_) | Self::Refused(_) => return None,
        };
        let short = [libc::EAGAIN, libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ETOOMANYREFS, libc::ENOSPC];
        short.contains(&errno).then_some(errno)
    }
}

/// The newest of them.
static CURRENT: LeakedCell<Application> = LeakedCell::empty();

/// How many zygotes have been started.
static STARTED: AtomicU64 = AtomicU64::new(0);

impl Application {
    /// The state of this process, for a thread that is to the kernel what this one is.
    ///
    /// Threads may differ in what they have given up, so there may be several. What the process has just become for the first time is mostly
    /// what it stays: then nothing that was started before is to serve it, nor to live on.
    pub(crate) fn current() -> &'static Self {
        let identity = Identity::current();
        loop {
            let newest = CURRENT.get();
            // What a fork copied may be locked by a thread that is not here, so it is left alone; its zygote watches the process that it belongs
            // to.
            let own = newest.filter(|newest| newest.owner.pid == identity.pid);
            if let Some(application) = own.into_iter().flat_map(Self::and_older).find(|other| other.owner == identity) {
                return application;
            }
            let made = CURRENT.replace(newest, Self::new(identity.clone(), own));
            // Unless another thread was faster.
            if made.owner == identity {
                made.older.into_iter().flat_map(Self::and_older).for_each(Self::end);
                return made;
            }
        }
    }

    /// All states of this process.
    fn all() -> impl Iterator<Item = &'static Self> {
        let newest = CURRENT.get().filter(|newest| newest.owner.pid == std::process::id());
        newest.into_iter().flat_map(Self::and_older)
    }

    fn and_older(&'static self) -> impl Iterator<Item = &'static Self> {
        std::iter::successors(Some(self), |application| application.older)
    }

    /// Lets go of every process that was started, by whatever thread.
    pub(crate) fn end_all() {
        Self::all().for_each(Self::end);
    }

    fn new(owner: Identity, older: Option<&'static Self>) -> Self {
        Self {
            owner,
            older,
            queue: older.map_or_else(|| &*Box::leak(Box::default()), |older| older.queue),
            used: AtomicU64::new(0),
            zygote: Mutex::default(),
            templates: RwLock::default(),
            making: Mutex::default(),
            prewarmed_templates: Mutex::default(),
            owing: Mutex::default(),
            no_namespaces: OnceLock::new(),
            lethal_landlock: AtomicBool::new(false),
            watcher: OnceLock::new(),
            attendant: Attendant::default(),
            possible: Mutex::default(),
        }
    }

    /// Lets go of every process that was started.
    pub(crate) fn end(&self) {
        self.templates.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.prewarmed_templates.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.zygote.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The same, and waits for their end where no call is under way.
    pub(crate) fn shut_down_all() {
        Self::all().for_each(Self::shut_down);
    }

    fn shut_down(&self) {
        let zygote = self.zygote.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.end();
        if let Some(zygote) = zygote.and_then(Arc::into_inner) {
            zygote.end();
        }
    }

    /// Lets go of what no call is using: templates with the workers that stand ready, and those that expect a call. False where there was
    /// nothing of the kind.
    pub(crate) fn give_back(&self) -> bool {
        let prewarmed_templates =
            std::mem::take(&mut *self.prewarmed_templates.lock().unwrap_or_else(PoisonError::into_inner));
        let mut templates = self.templates.write().unwrap_or_else(PoisonError::into_inner);
        let before = templates.len();
        templates.retain(|_, template| Arc::strong_count(template) > 1);
        before > templates.len() || !prewarmed_templates.is_empty()
    }

    /// Looks after the workers that are kept.
    pub(crate) fn look_after(&self) -> Found {
        self.all_templates().iter().map(|template| template.look_after()).fold(Found::default(), Found::and)
    }

    /// Ends the workers that are kept, and the threads that look after them.
    pub(crate) fn end_idle_workers() {
        for application in Self::all() {
            for template in application.all_templates() {
                template.end_idle_workers();
                template.targets.rest();
            }
            application.attendant.rest();
        }
    }

    fn all_templates(&self) -> Vec<Arc<Template>> {
        self.templates.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// What refused namespaces here, if anything did.
    pub(crate) fn no_namespaces(&self) -> Option<&Refusal> {
        self.no_namespaces.get()
    }

    /// A worker for a call, and the template that it came from. Of a template that is there already it is waited for until then.
    pub(crate) fn worker(
        &self,
        key: Option<Key>,
        profile: &Profile,
        layers: Layers,
        until: Option<Instant>,
    ) -> Result<(Worker, Arc<Template>), Unserved> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let template = match &key {
                Some(key) => self.template(key, profile, layers)?,
                None => Arc::new(self.make(profile, layers, false, Purpose::Serve)?),
            };
            match template.take(until) {
                Ok(worker) => return Ok((worker, template)),
                Err(NoWorker::Late) => return Err(Unserved::Late),
                Err(NoWorker::NoTemplate) if attempt < ATTEMPTS => {
                    if let Some(key) = &key {
                        self.forget(key, &template);
                    }
                }
                Err(NoWorker::NoTemplate) => {
                    return Err(Unavailable::NotStarted(NotStarted {
                        step: "the template ended again and again".to_owned(),
                        source: io::Error::from(io::ErrorKind::BrokenPipe),
                    })
                    .into());
                }
                Err(NoWorker::Failed(step, source)) => {
                    // The spare that was asked for may still come; a template of unclear state is not worth keeping.
                    if let Some(key) = &key {
                        self.forget(key, &template);
                    }
                    return Err(Unavailable::NotStarted(NotStarted { step: step.to_owned(), source }).into());
                }
            }
        }
    }

    /// The template of `key`, made now if there is none whose paths still hold.
    pub(crate) fn template(&self, key: &Key, profile: &Profile, layers: Layers) -> Result<Arc<Template>, Unavailable> {
        if let Some(template) = self.cached(key) {
            return Ok(template);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(template) = self.cached(key) {
            return Ok(template);
        }
        // Those that serve call after call are kept when they are done.
        let spares = profile.process() != Process::Reused;
        let template = Arc::new(self.make(profile, layers, spares, Purpose::Serve)?);
        let mut templates = self.templates.write().unwrap_or_else(PoisonError::into_inner);
        let computed = |key: &Key| matches!(key, Key::Profile(..));
        if computed(key) && templates.keys().filter(|key| computed(key)).count() >= MOST_CACHED {
            // Which one hardly matters: a program with so many computed profiles wants `process = "exec"` or fewer of them.
            if let Some(victim) = templates.keys().find(|key| computed(key)).cloned() {
                templates.remove(&victim);
            }
        }
        templates.insert(key.clone(), Arc::clone(&template));
        Ok(template)
    }

    fn cached(&self, key: &Key) -> Option<Arc<Template>> {
        let template = self.templates.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()?;
        if template.is_fresh(|| self.watcher.get_or_init(PathWatcher::new).clone()) {
            return Some(template);
        }
        self.forget(key, &template);
        None
    }

    /// Lets go of a template that is gone, or whose paths mean something else now. Calls that are under way keep it until they end.
    pub(crate) fn forget(&self, key: &Key, template: &Arc<Template>) {
        let mut templates = self.templates.write().unwrap_or_else(PoisonError::into_inner);
        if templates.get(key).is_some_and(|current| Arc::ptr_eq(current, template)) {
            templates.remove(key);
        }
    }

    /// Makes a template: on the system as it is, with the paths as they are.
    fn make(&self, profile: &Profile, layers: Layers, spares: bool, purpose: Purpose) -> Result<Template, Unavailable> {
        let mut layers = layers;
        if self.no_namespaces.get().is_some() {
            layers = layers.without(Layer::Namespaces);
        }
        let exec = profile.process() == Process::Exec;
        let writable = Writable::known();
        if purpose != Purpose::Kind {
            writable.extend(profile);
        }
        let mut attempt = 0;
        let mut careful = false;
        loop {
            attempt += 1;
            let mut resolved =
                resolve(profile, layers, writable, purpose == Purpose::Kind).map_err(Unavailable::Unresolved)?;
            resolved.plan.lethal_landlock = self.lethal_landlock.load(Ordering::Relaxed);
            inherited_streams::pass_on(&mut resolved.plan);
            let zygote = if exec {
                Arc::new(Zygote::start().map_err(Unavailable::NotStarted)?)
            } else {
                self.zygote().map_err(Unavailable::NotStarted)?
            };
            let at_once = purpose == Purpose::Serve;
            if at_once
                && !exec
                && let Some(prewarmed) = self.prewarmed(&resolved.plan, &zygote)
            {
                match Template::of_prewarmed(prewarmed, resolved, spares, at_once) {
                    Ok(template) => return Ok(template),
                    // Whatever it was, one that starts from nothing tells it better. There is a prewarmed template less now.
                    Err(_) => {
                        attempt -= 1;
                        continue;
                    }
                }
            }
            match Template::start(&zygote, resolved, spares, at_once, careful) {
                Ok(template) => return Ok(template),
                // Without namespaces the other layers carry the promise; what they cannot keep, they refuse.
                Err(NoTemplate::Refused(refusal))
                    if refusal.layer() == Layer::Namespaces
                        && matches!(refusal.reason, Reason::Layer | Reason::Lethal)
                        && layers.has(Layer::Namespaces)
                        && purpose != Purpose::Probe =>
                {
                    layers = layers.without(Layer::Namespaces);
                    // Where they are only used up (ENOSPC), the next template may have better luck.
                    if refusal.object.is_empty() && refusal.is_for_good() {
                        let _ = self.no_namespaces.set(refusal);
                    }
                }
                // What does not need Landlock does without; what does is refused.
                Err(NoTemplate::Refused(refusal))
                    if refusal.layer() == Layer::Landlock
                        && refusal.reason == Reason::Lethal
                        && purpose != Purpose::Probe
                        && !self.lethal_landlock.swap(true, Ordering::Relaxed) => {}
                Err(NoTemplate::Refused(refusal)) if refusal.is_worth_another_look() && attempt < ATTEMPTS => {}
                Err(NoTemplate::Refused(refusal)) => {
                    // The zygote lives under the limits that the application had when it started it. They may be others now.
                    if refusal.reason == Reason::Resources {
                        self.forget_zygote(&zygote);
                    }
                    return Err(Unavailable::Refused(refusal));
                }
                Err(NoTemplate::NotStarted(error)) => return Err(Unavailable::NotStarted(error)),
                Err(NoTemplate::Ended) if !careful => careful = true,
                Err(NoTemplate::Ended) => {
                    return Err(Unavailable::NotStarted(NotStarted {
                        step: "the template ended before it was ready".to_owned(),
                        source: io::ErrorKind::UnexpectedEof.into(),
                    }));
                }
                Err(NoTemplate::NoZygote) if attempt < ATTEMPTS => {
                    // It may have ended at the fork.
                    careful = true;
                    self.forget_zygote(&zygote);
                }
                Err(NoTemplate::NoZygote) => {
                    return Err(Unavailable::NotStarted(NotStarted {
                        step: "the zygote ended again and again".to_owned(),
                        source: io::Error::from(io::ErrorKind::BrokenPipe),
                    }));
                }
            }
        }
    }

    /// After a call: takes in the spares that have arrived, of this template and of those that were called before it.
    ///
    /// A spare arrives after its call, and the next call of the same function may be long in coming. Meanwhile its descriptors are on their way,
    /// which a limit bounds that all processes of a user share.
    pub(crate) fn take_in(&self, template: &Arc<Template>) {
        let mut owing = std::mem::take(&mut *self.owing.lock().unwrap_or_else(PoisonError::into_inner));
        owing.retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(template)));
        owing.retain(|other| other.upgrade().is_some_and(|other| other.take_in() == Arrived::NotAll));
        if template.take_in() == Arrived::NotAll {
            owing.push(Arc::downgrade(template));
        }
        if !owing.is_empty() {
            self.owing.lock().unwrap_or_else(PoisonError::into_inner).append(&mut owing);
        }
    }

    /// A template that expects a plan like this one, if there is one.
    fn prewarmed(&self, plan: &Plan, zygote: &Arc<Zygote>) -> Option<PrewarmedTemplate> {
        let mut prewarmed_templates = self.prewarmed_templates.lock().unwrap_or_else(PoisonError::into_inner);
        prewarmed_templates.retain(|prewarmed| prewarmed.stays() && prewarmed.is_of(zygote));
        let at = prewarmed_templates.iter().position(|prewarmed| prewarmed.expects(plan))?;
        Some(prewarmed_templates.swap_remove(at))
    }

    /// After a call that had a template of its own: has another get ready for the next.
    pub(crate) fn expect_another(&self, template: &Template) {
        let Some(prewarmed) = template.next() else { return };
        let mut prewarmed_templates = self.prewarmed_templates.lock().unwrap_or_else(PoisonError::into_inner);
        prewarmed_templates.retain(PrewarmedTemplate::stays);
        if prewarmed_templates.len() == MOST_BLANKS {
            prewarmed_templates.remove(0);
        }
        prewarmed_templates.push(prewarmed);
    }

    /// A template that is asked one thing: which layers it could enter.
    pub(crate) fn probe(&self, profile: &Profile, layers: Layers) -> Result<Template, Unavailable> {
        self.make(profile, layers, false, Purpose::Probe)
    }

    /// Enters a profile in a template that serves nobody, in the tier that calls would have. Gives the layers that were entered.
    ///
    /// With `kinds` the paths of the profile are stood in for by others of their kind, and the answer is kept.
    pub(crate) fn try_out(&self, profile: &Profile, layers: Layers, kinds: bool) -> Result<Layers, Unavailable> {
        if !kinds {
            return self.make(profile, layers, false, Purpose::TryOut).map(|template| template.layers());
        }
        let kinds = (stand_in(profile), layers);
        let mut possible = self.possible.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entered) = possible.get(&kinds) {
            return entered.clone().map_err(Unavailable::Refused);
        }
        let entered = match self.make(&kinds.0, layers, false, Purpose::Kind) {
            Ok(template) => Ok(template.layers()),
            Err(Unavailable::Refused(refusal)) if refusal.is_for_good() => Err(refusal),
            Err(other) => return Err(other),
        };
        possible.insert(kinds, entered.clone());
        entered.map_err(Unavailable::Refused)
    }

    fn zygote(&self) -> Result<Arc<Zygote>, NotStarted> {
        let mut zygote = self.zygote.lock().unwrap_or_else(PoisonError::into_inner);
        match &*zygote {
            Some(zygote) => Ok(Arc::clone(zygote)),
            None => {
                let started = Arc::new(Zygote::start()?);
                *zygote = Some(Arc::clone(&started));
                self.used.store(STARTED.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
                drop(zygote);
                Self::end_the_oldest();
                Ok(started)
            }
        }
    }

    /// Bounds how many zygotes there are, where threads of one process are many things to the kernel.
    fn end_the_oldest() {
        let has_zygote = |application: &&Self| application.zygote.try_lock().is_ok_and(|zygote| zygote.is_some());
        let mut alive: Vec<&'static Self> = Self::all().filter(has_zygote).collect();
        alive.sort_by_key(|application| application.used.load(Ordering::Relaxed));
        let too_many = alive.len().saturating_sub(MOST_ZYGOTES);
        alive.into_iter().take(too_many).for_each(Self::end);
    }

    fn forget_zygote(&self, gone: &Arc<Zygote>) {
        let mut zygote = self.zygote.lock().unwrap_or_else(PoisonError::into_inner);
        if zygote.as_ref().is_some_and(|current| Arc::ptr_eq(current, gone)) {
            *zygote = None;
        }
    }
}
