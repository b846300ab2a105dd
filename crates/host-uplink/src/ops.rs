//! `uplink-register` and `uplink-send`.

use astrid_host_context::{Entry, Target, Uuid};

use crate::ctx::UplinkCtx;
use crate::inbound::{Inbound, MAX_PAYLOAD, session_id};
use crate::links::Linked;
use crate::op_table::{MAY_REGISTER, MAY_SEND, REGISTER, SEND};
use crate::uplinks::{Endpoint, SENDS_PER_SECOND, UPLINKS};
use crate::{Content, Error, MAX_NAME_CHARS, Name, Platform, PlatformUser, Profile, UplinkCtxView};

/// Longest text that may be an id, in bytes.
const MAX_ID: usize = 64;

impl UplinkCtxView<'_> {
    /// Registers an endpoint, which lives until the capsule is unloaded, and returns its id.
    ///
    /// # Errors
    /// The capability comes before everything else; then name and platform, the operator's rules for
    /// them, an endpoint of the same name and platform, and the limit [`UPLINKS`].
    pub fn register(&mut self, name: &str, platform: &str, profile: Profile) -> Result<Uuid, Error> {
        let entry = self.host.enter(&REGISTER);
        let ctx = &*self.ctx;
        entry.run_now(|| {
            entry.fact("name", || cut(name));
            entry.fact("platform", || cut(platform));
            entry.fact("profile", || profile.as_str().to_owned());
            entry.allow(MAY_REGISTER, Target::None)?;
            let (name, platform) = (Name::parse(name)?, Platform::parse(platform)?);
            let endpoint = format!("{platform}:{name}");
            entry.allow(MAY_REGISTER, Target::Other { kind: "uplink", name: &endpoint })?;
            if ctx.forbidden.contains(&profile) {
                return Err(Error::ForbiddenProfile(profile.as_str()));
            }
            entry.recordable()?;
            let id = ctx.uplinks.register(name, platform, profile, entry.limit(&UPLINKS))?;
            entry.fact("uplink", || id.to_string());
            Ok(id)
        })
    }

    /// Brings in one message of a platform's user. True means that it is queued for the bus, false that
    /// it was dropped, which is normal and whose reason is not told.
    ///
    /// # Errors
    /// In this order: the capability, a malformed id, an id that is not this capsule's, malformed
    /// arguments, the rate, the identity store, a full queue.
    pub async fn send(&mut self, uplink: &str, user: &str, content: String) -> Result<bool, Error> {
        let entry = self.host.enter(&SEND);
        let ctx = &*self.ctx;
        // Only the look-up may be interrupted: an answer after it tells whether the message is queued.
        entry
            .run_to_end(async {
                entry.allow(MAY_SEND, Target::None)?;
                let uplink = find(ctx, &entry, uplink)?;
                let (user, content) = (PlatformUser::parse(user)?, Content::parse(content)?);
                describe(&entry, &user, &content);
                ctx.uplinks.take_turn(entry.limit(&SENDS_PER_SECOND))?;
                let accepted = Sending { ctx, entry: &entry, uplink: &uplink }.route(user, content).await?;
                entry.fact("accepted", || accepted.to_string());
                Ok(accepted)
            })
            .await
    }
}

fn find(ctx: &UplinkCtx, entry: &Entry, id: &str) -> Result<std::sync::Arc<Endpoint>, Error> {
    let id = (id.len() <= MAX_ID).then(|| uuid::Uuid::parse_str(id).ok()).flatten();
    let id = Uuid::from(id.ok_or(Error::MalformedId)?);
    entry.fact("uplink", || id.to_string());
    let uplink = ctx.uplinks.get(id).ok_or(Error::UnknownUplink)?;
    entry.fact("platform", || uplink.platform.to_string());
    Ok(uplink)
}

/// Hashes and lengths: neither the account nor the message is for a log.
fn describe(entry: &Entry, user: &PlatformUser, content: &Content) {
    entry.fact("user-blake3", || blake3::hash(user.as_str().as_bytes()).to_hex().to_string());
    entry.fact("content-blake3", || blake3::hash(content.as_str().as_bytes()).to_hex().to_string());
    entry.fact("content-bytes", || content.as_str().len().to_string());
    entry.moved(content.as_str().len());
}

struct Sending<'a> {
    ctx: &'a UplinkCtx,
    entry: &'a Entry,
    uplink: &'a Endpoint,
}

impl Sending<'_> {
    async fn route(&self, user: PlatformUser, content: Content) -> Result<bool, Error> {
        let Endpoint { platform, profile, .. } = self.uplink;
        if *profile == Profile::Notify {
            return Ok(false);
        }
        let lookup = self.ctx.links.linked(platform, &user);
        let found = self.entry.race(lookup).await.map_err(Error::Interrupted)??;
        let Some(linked) = found.filter(|linked| self.counts(linked)) else { return Ok(false) };
        let session = session_id(platform, &user, &linked.principal);
        let sessions = &self.ctx.sessions;
        let goes_on = match profile {
            Profile::Chat => true,
            Profile::Interactive => sessions.is_open(&linked.principal, &session),
            Profile::Bridge => !self.ctx.uplinks.is_echo(&session, content.as_str()),
            Profile::Notify => false,
        };
        if !goes_on || !sessions.agent_listens(&linked.principal) {
            return Ok(false);
        }
        self.queue(user, content, linked, session)?;
        Ok(true)
    }

    /// Whether this capsule may speak for whom the link names.
    fn counts(&self, linked: &Linked) -> bool {
        let call = self.entry.call();
        let platform = &self.uplink.platform;
        if linked.made_by.as_ref() == Some(call.capsule()) || self.ctx.platforms.contains(platform) {
            return true;
        }
        self.entry.fact("security", || "the link was made by another capsule".to_owned());
        tracing::warn!(
            target: "astrid.security",
            capsule = call.capsule().as_str(),
            platform = platform.as_str(),
            "a message was dropped because its account was linked by another capsule; \
             name the platform in [uplinks.\"<capsule>\"] platforms to let this one use its links",
        );
        false
    }

    /// The place comes first and the record second, so that accepted, recorded and queued are one.
    fn queue(
        &self,
        user: PlatformUser,
        content: Content,
        linked: Linked,
        session: String,
    ) -> Result<(), Error> {
        let call = self.entry.call();
        let mut inbound = Inbound {
            capsule: call.capsule().clone(),
            capsule_uuid: call.capsule_uuid(),
            uplink: self.uplink.id,
            name: self.uplink.name.clone(),
            platform: self.uplink.platform.clone(),
            profile: self.uplink.profile,
            platform_user: user,
            principal: linked.principal,
            session,
            payload: String::new(),
        };
        inbound.write_payload(content.as_str());
        if inbound.payload.len() > MAX_PAYLOAD {
            return Err(Error::TooLong);
        }
        let place = self.ctx.uplinks.place()?;
        self.entry.recordable()?;
        call.admit().map_err(Error::Interrupted)?;
        if inbound.profile != Profile::Interactive {
            self.ctx.sessions.open(&inbound.principal, &inbound.session);
        }
        place.send(inbound);
        Ok(())
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_NAME_CHARS).collect()
}
