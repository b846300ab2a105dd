//! Values of `[env]` keys: given, asked for, stored, and put back when an installation is taken back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use astrid_capsule_manifest::{CapsuleManifest, EnvDef, EnvKind};
use astrid_host_context::Scope;
use astrid_host_sys::SecretScope;
use astrid_principals::EnvFiles;
use serde::{Deserialize, Serialize};

use super::options::{Answer, InstallDesk, Question};
use crate::runtime::Inner;
use crate::{CapsuleError, Code};

/// Values to be stored.
#[derive(Default)]
pub(super) struct Settings {
    plain: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
}

/// What was there before, for the journal.
#[derive(Serialize, Deserialize)]
struct Before {
    /// The whole file; none if there was none.
    env: Option<HashMap<String, String>>,
    secrets: BTreeMap<String, Option<String>>,
}

impl Settings {
    /// The values that were given.
    ///
    /// # Errors
    /// A key is not one of the manifest's, or cannot have that value.
    pub(super) fn given(
        manifest: &CapsuleManifest,
        values: &[(String, String)],
    ) -> Result<Self, CapsuleError> {
        let mut settings = Self::default();
        for (key, value) in values {
            let env = manifest.env.get(key).ok_or_else(|| {
                let known: Vec<_> = manifest.env.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                refused(format!("[env] has no key {key:?}; allowed: {known}"))
            })?;
            let answer = match env.kind {
                EnvKind::Array => Answer::List(list(key, value)?),
                _ => Answer::Text(value.clone()),
            };
            settings.put(key, env, answer)?;
        }
        Ok(settings)
    }

    /// Asks for every key that has no value, in the manifest's order, until nobody answers. An answer that cannot be
    /// is asked for again once.
    pub(super) async fn ask(
        &mut self,
        runtime: &Inner,
        scope: &Scope,
        manifest: &CapsuleManifest,
        desk: &dyn InstallDesk,
    ) -> Result<(), CapsuleError> {
        let missing = self.missing(runtime, scope, manifest).await?;
        for key in missing {
            let Some(env) = manifest.env.get(&key) else { continue };
            let question = Question { key: key.clone(), env: env.clone() };
            let mut again = true;
            loop {
                let Some(answer) = desk.value(&question).await else { return Ok(()) };
                match self.put(&key, env, answer) {
                    Err(_) if again => again = false,
                    other => break other?,
                }
            }
        }
        Ok(())
    }

    /// The keys with neither a value here nor a stored one, as an installer asks for them.
    async fn missing(
        &self,
        runtime: &Inner,
        scope: &Scope,
        manifest: &CapsuleManifest,
    ) -> Result<Vec<String>, CapsuleError> {
        let stored = read(runtime, scope).await?.unwrap_or_default();
        let mut missing = Vec::new();
        for key in manifest.env_question_order() {
            let known = match manifest.env.get(key).map(|env| env.kind) {
                Some(EnvKind::Secret) => {
                    self.secrets.contains_key(key) || has_secret(runtime, scope, key).await?
                }
                _ => self.plain.contains_key(key) || stored.contains_key(key),
            };
            if !known {
                missing.push(key.to_owned());
            }
        }
        Ok(missing)
    }

    /// The keys that have neither a value nor a default.
    pub(super) async fn unresolved(
        &self,
        runtime: &Inner,
        scope: &Scope,
        manifest: &CapsuleManifest,
    ) -> Result<Vec<String>, CapsuleError> {
        let missing = self.missing(runtime, scope, manifest).await?;
        let without = |key: &String| manifest.env.get(key).is_some_and(|env| env.default.is_none());
        Ok(missing.into_iter().filter(without).collect())
    }

    fn put(&mut self, key: &str, env: &EnvDef, answer: Answer) -> Result<(), CapsuleError> {
        let text = match (answer, env.kind) {
            (Answer::Blank, EnvKind::Secret) => return Ok(()),
            (Answer::Blank, _) if env.default.is_some() => return Ok(()),
            (Answer::Blank, _) => String::new(),
            (Answer::Text(text), EnvKind::Select) => option(key, env, text)?,
            (Answer::Text(text), EnvKind::Secret) if text.is_empty() => {
                return Err(refused(format!("secret {key:?} is empty; allowed: a value, or none at all")));
            }
            (Answer::Text(text), _) => text,
            (Answer::List(list), EnvKind::Array) => serde_json::Value::from(list).to_string(),
            (Answer::List(_), _) => {
                return Err(refused(format!("[env] {key:?} is no array; allowed: a text")));
            }
        };
        match env.kind {
            EnvKind::Secret => self.secrets.insert(key.to_owned(), text),
            _ => self.plain.insert(key.to_owned(), text),
        };
        Ok(())
    }

    /// What has to be put back if these values are stored and the installation is taken back. Nothing for no values.
    pub(super) async fn undo(&self, runtime: &Inner, scope: &Scope) -> Result<Vec<u8>, CapsuleError> {
        if self.plain.is_empty() && self.secrets.is_empty() {
            return Ok(Vec::new());
        }
        let mut before = Before { env: read(runtime, scope).await?, secrets: BTreeMap::new() };
        for key in self.secrets.keys() {
            let found = runtime.secrets.get(&secret_scope(scope), key).await.map_err(CapsuleError::host)?;
            before.secrets.insert(key.clone(), found.map(|secret| secret.as_str().to_owned()));
        }
        serde_json::to_vec(&before).map_err(CapsuleError::host)
    }

    /// Stores them. The file of plain values is replaced as a whole.
    pub(super) async fn store(&self, runtime: &Inner, scope: &Scope) -> Result<(), CapsuleError> {
        if !self.plain.is_empty() {
            let mut values = read(runtime, scope).await?.unwrap_or_default();
            values.extend(self.plain.iter().map(|(key, value)| (key.clone(), value.clone())));
            write(runtime, scope, Some(values)).await?;
        }
        for (key, value) in &self.secrets {
            let stored = runtime.secrets.set(&secret_scope(scope), key, value.clone().into()).await;
            stored.map_err(CapsuleError::host)?;
        }
        Ok(())
    }
}

/// Puts back what [`Settings::undo`] found.
pub(super) async fn put_back(runtime: &Inner, scope: &Scope, undo: &[u8]) -> Result<(), CapsuleError> {
    if undo.is_empty() {
        return Ok(());
    }
    let before: Before = serde_json::from_slice(undo).map_err(CapsuleError::host)?;
    write(runtime, scope, before.env).await?;
    for (key, value) in before.secrets {
        let scope = secret_scope(scope);
        let done = match value {
            Some(value) => runtime.secrets.set(&scope, &key, value.into()).await,
            None => runtime.secrets.delete(&scope, &key).await,
        };
        done.map_err(CapsuleError::host)?;
    }
    Ok(())
}

pub(super) fn secret_scope(scope: &Scope) -> SecretScope {
    SecretScope { principal: scope.principal.clone(), capsule: scope.capsule.clone() }
}

/// A principal's own secret, or the one an operator stored for everybody.
async fn has_secret(runtime: &Inner, scope: &Scope, key: &str) -> Result<bool, CapsuleError> {
    let own = secret_scope(scope);
    let host = SecretScope { principal: None, ..own.clone() };
    for scope in [own, host] {
        if runtime.secrets.exists(&scope, key).await.map_err(CapsuleError::host)? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn read(runtime: &Inner, scope: &Scope) -> Result<Option<HashMap<String, String>>, CapsuleError> {
    env_file(runtime, scope, |files, scope| files.read(scope)).await
}

async fn write(
    runtime: &Inner,
    scope: &Scope,
    values: Option<HashMap<String, String>>,
) -> Result<(), CapsuleError> {
    env_file(runtime, scope, move |files, scope| match &values {
        Some(values) => files.replace(scope, values),
        None => files.remove(scope),
    })
    .await
}

async fn env_file<T: Send + 'static>(
    runtime: &Inner,
    scope: &Scope,
    work: impl FnOnce(&Arc<EnvFiles>, &Scope) -> std::io::Result<T> + Send + 'static,
) -> Result<T, CapsuleError> {
    let (files, scope) = (runtime.principals.env.clone(), scope.clone());
    let who = scope.principal.clone();
    let done = tokio::task::spawn_blocking(move || work(&files, &scope)).await.map_err(CapsuleError::host)?;
    done.map_err(|error| {
        let who = who.as_ref().map_or("", |who| who.as_str());
        refused(format!("the values in home/{who}/.config/env: {error}"))
    })
}

fn option(key: &str, env: &EnvDef, text: String) -> Result<String, CapsuleError> {
    // Options on the network are not known here, so any text may be one of them.
    if env.enum_values.is_empty() || env.options_from.is_some() || env.enum_values.contains(&text) {
        return Ok(text);
    }
    Err(refused(format!("[env] {key:?} cannot be {text:?}; allowed: {}", env.enum_values.join(", "))))
}

fn list(key: &str, value: &str) -> Result<Vec<String>, CapsuleError> {
    if value.trim_start().starts_with('[') {
        return serde_json::from_str(value)
            .map_err(|error| refused(format!("[env] {key:?}: {error}; allowed: a JSON list of texts")));
    }
    Ok(value.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect())
}

fn refused(problem: String) -> CapsuleError {
    CapsuleError::new(Code::Install, problem)
}
