//! Moves one image to another place: as it is, or with some of its platforms only.
//!
//! [`decide`] reads and writes nothing; its [`Shipment`] can be shown. [`bring`] does it, and [`name`]
//! comes last.

use std::sync::Arc;

use content::{Copied, Copier, Error, Expected, Limits, Place, Referrers, Tagged, check_expected};
use fault::Hint;
use futures_util::future;
use oci::{Descriptor, Digest, ImageConfig, MAX_MANIFEST_SIZE, Platform, PlatformSet, RawManifest, Selector};

use crate::IndexError;
use crate::carry_out::{look_back, place_content};
use crate::describe::find_image;
use crate::flatten::narrow;
use crate::gather::{Gathered, Manner, Part, Role, gather};
use crate::plan::{Plan, Wish, plan};

/// An image to be moved.
#[derive(Clone)]
pub struct Order {
    /// The source, as the person wrote it.
    pub label: String,
    /// Where it is.
    pub source: Arc<dyn Place>,
    /// Which image there.
    pub selector: Selector,
    /// The platforms to take; all where there are none.
    pub platforms: PlatformSet,
    /// Where it goes.
    pub target: Arc<dyn Place>,
    /// What it will be called there.
    pub to: Selector,
    /// What that name must be before.
    pub expected: Expected,
    /// The target has no such name, as its list said: it need not be asked.
    pub is_new: bool,
}

/// What will be there: decided, not yet done.
pub struct Shipment {
    /// What was ordered.
    pub order: Order,
    /// What the source's name points at.
    pub found: Descriptor,
    /// What the target's name points at now.
    pub current: Option<Digest>,
    /// The platforms of the source, in its order.
    pub offered: Vec<Platform>,
    /// The platforms that will be at the target.
    pub taken: Vec<Platform>,
    /// What a person should know before it is done.
    pub warnings: Vec<String>,
    cargo: Cargo,
}

/// What is brought.
enum Cargo {
    /// A document of the source and all below it, byte for byte.
    Whole(RawManifest),
    /// An index made of some of the source's entries.
    Part(Box<Plan>),
}

impl Shipment {
    /// Returns the document that the target's name will point at.
    pub const fn document(&self) -> &RawManifest {
        match &self.cargo {
            Cargo::Whole(document) => document,
            Cargo::Part(plan) => &plan.document,
        }
    }

    /// Tells whether the target's name points at the document already.
    pub fn is_unchanged(&self) -> bool {
        self.current.as_ref() == Some(self.document().digest())
    }

    /// Tells whether the document is the one that the source's name points at, byte for byte.
    pub fn is_exact(&self) -> bool {
        *self.document().digest() == self.found.digest
    }
}

/// Reads the source and what the target's name is, and decides what is to be brought.
///
/// # Errors
/// A source that is missing or broken, a platform that it does not have, a name that is not what
/// was expected.
pub async fn decide(order: Order, limits: Limits) -> Result<Shipment, IndexError> {
    let wrong = |problem| IndexError::Source { label: order.label.clone(), problem: Box::new(problem) };
    let (found, root, current) = if order.is_new {
        // Its manifest is needed in any case.
        let root = order.source.manifest(&order.selector).await.map_err(wrong)?;
        (root.descriptor(), root, None)
    } else {
        let (found, current) = future::join(order.source.resolve(&order.selector), now(&*order.target, &order.to)).await;
        let found = found.map_err(wrong)?;
        let root = order.source.manifest(&Selector::Digest(found.digest.clone())).await.map_err(wrong)?;
        (found, root, current?)
    };
    let mut warnings = Vec::new();
    let (cargo, offered) = match single(&order, &root)? {
        Some(platform) => {
            let image = find_image(&*order.source, &order.label, &root, &platform).await?;
            let document = order.source.manifest(&Selector::Digest(image.digest)).await.map_err(wrong)?;
            let offered = platforms(&order, &root).await?;
            if offered.len() > 1 && order.platforms.is_empty() {
                warnings.push(format!("{} keeps one platform per image: {platform} of {}", order.target.name(), offered.len()));
            }
            (Cargo::Whole(document), offered)
        }
        None if order.platforms.is_empty() => {
            let offered = platforms(&order, &root).await?;
            (Cargo::Whole(root), offered)
        }
        None => {
            let (plan, offered) = select(&order, &found, limits).await?;
            warnings.extend(plan.warnings.iter().cloned());
            let same = *plan.document.digest() == found.digest;
            (if same { Cargo::Whole(plan.document) } else { Cargo::Part(Box::new(plan)) }, offered)
        }
    };
    let taken = match &cargo {
        Cargo::Part(plan) => plan.platforms().cloned().collect(),
        Cargo::Whole(document) if *document.digest() == found.digest => offered.clone(),
        Cargo::Whole(document) => platforms(&order, document).await?,
    };
    let shipment = Shipment { order, found, current, offered, taken, warnings, cargo };
    // What points at the document already is what was wanted, whatever it was expected to be before.
    if !shipment.is_unchanged() {
        let order = &shipment.order;
        check_expected(&order.target.name(), &word(&order.to), &order.expected, shipment.current.as_ref())?;
    }
    Ok(shipment)
}

/// Brings what was decided to the copier's place, which is the order's target, without a name.
///
/// # Errors
/// Stops at the first piece that cannot be read or written.
pub async fn bring(shipment: &Shipment, copier: &Copier<'_>) -> Result<Copied, IndexError> {
    if !shipment.order.is_new {
        copier.target().check_movable(&shipment.order.to, shipment.document().digest()).await?;
    }
    let source = &*shipment.order.source;
    let copied = match &shipment.cargo {
        Cargo::Part(plan) => return place_content(plan, copier).await,
        // Nobody but its name needs it, so it comes with that. One with a subject is listed as well.
        Cargo::Whole(document) if document.as_index().is_none() && comes_with_its_name(shipment, copier.target()) => {
            return Ok(copier.copy_below(source, document).await?);
        }
        Cargo::Whole(document) => copier.copy(source, document).await?,
    };
    look_back(shipment.document(), copier.target()).await?;
    Ok(copied)
}

/// Finds everything that refers to what is brought, at the source. What is said of an index says
/// nothing of a part of it, and is not among it: a sentence tells how much that is.
///
/// # Errors
/// Where the source cannot answer, and where there is more than the limits allow.
pub async fn referrers(shipment: &Shipment, limits: Limits) -> Result<(Referrers, Option<String>), IndexError> {
    let (source, whole) = (&*shipment.order.source, &shipment.found.digest);
    let mut subjects = content::subjects(source, shipment.document(), limits).await?;
    if shipment.is_exact() {
        return Ok((content::referring(source, &subjects, limits).await?, None));
    }
    // A document that was made here is not at the source, so nobody there refers to it.
    if let Cargo::Part(plan) = &shipment.cargo {
        subjects.retain(|subject| subject != plan.document.digest());
    }
    let of_whole = [whole.clone()];
    let (found, lost) =
        future::try_join(content::referring(source, &subjects, limits), content::referring(source, &of_whole, limits)).await?;
    let left_out = (!lost.found.is_empty()).then(|| {
        let (count, word) = (lost.found.len(), if lost.found.len() == 1 { "referrer" } else { "referrers" });
        format!("left out {count} {word} of the whole index {}: what is said of it says nothing of a part", whole.short())
    });
    Ok((found, left_out))
}

/// Points the target's name at what was brought, last of all.
///
/// # Errors
/// [`Error::Moved`] where somebody else moved it meanwhile, and whatever the place says.
pub async fn name(shipment: &Shipment) -> Result<Tagged, IndexError> {
    if shipment.is_unchanged() {
        return Ok(Tagged::Unchanged);
    }
    let order = &shipment.order;
    Ok(order.target.tag(&order.to, shipment.document(), &order.expected).await?)
}

fn comes_with_its_name(shipment: &Shipment, target: &dyn Place) -> bool {
    let named = !matches!(shipment.order.to, Selector::Digest(_));
    named && target.names_bring() && shipment.document().subject().is_none()
}

/// Finds what a name points at, if there is one.
async fn now(place: &dyn Place, name: &Selector) -> Result<Option<Digest>, IndexError> {
    match place.resolve(name).await {
        Ok(descriptor) => Ok(Some(descriptor.digest)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the one platform that is wanted of an index, where the target keeps no indexes.
fn single(order: &Order, root: &RawManifest) -> Result<Option<Platform>, IndexError> {
    let Some(own) = order.target.keeps() else { return Ok(None) };
    match order.platforms.as_slice() {
        [] if root.as_index().is_none() => Ok(None),
        [] => Ok(Some(own)),
        [only] => Ok(Some(only.clone())),
        several => {
            let cannot = format!("keeps one platform per image, not {}", several.len());
            let hint = Some(Hint::new(format!("--platform {own}")));
            Err(Error::Unsupported { place: order.target.name(), cannot, hint }.into())
        }
    }
}

/// Plans the index of some platforms, and lists the platforms that there were.
async fn select(order: &Order, found: &Descriptor, limits: Limits) -> Result<(Plan, Vec<Platform>), IndexError> {
    // By its digest, as it was found: the name may move meanwhile.
    let selector = Selector::Digest(found.digest.clone());
    let part = Part { label: order.label.clone(), place: order.source.clone(), selector, platform: None };
    // What the entries say is believed; nothing but the platforms that were named is looked at.
    let mut gathered = gather(vec![part], Manner::believing(), limits).await?.found;
    let offered = gathered.iter().flat_map(images).collect();
    for source in &mut gathered {
        let before = source.candidates.len();
        source.candidates = narrow(&order.label, std::mem::take(&mut source.candidates), order.platforms.as_slice())?;
        source.whole = source.whole && source.candidates.len() == before;
    }
    Ok((plan(&gathered, None, &Wish { target: word(&order.to), ..Wish::default() })?, offered))
}

fn images(source: &Gathered) -> impl Iterator<Item = Platform> + '_ {
    source.candidates.iter().filter_map(|candidate| match &candidate.role {
        Role::Image(platform) => Some(platform.clone()),
        _ => None,
    })
}

/// Lists the platforms of a document; a lone image's stands in its config.
async fn platforms(order: &Order, document: &RawManifest) -> Result<Vec<Platform>, IndexError> {
    if let Some(index) = document.as_index() {
        let own = index.manifests.iter().filter(|entry| !entry.is_attestation()).filter_map(|entry| entry.platform.as_ref());
        return Ok(own.filter(|platform| !platform.is_unknown()).map(Platform::normalized).collect());
    }
    let Some(image) = document.as_image().filter(|image| image.is_image()) else { return Ok(Vec::new()) };
    let bytes = order.source.blob(&image.config).await?.read_all(MAX_MANIFEST_SIZE).await?;
    let broken = |problem| Error::Config { digest: image.config.digest.clone(), place: order.source.name(), problem };
    Ok(ImageConfig::parse(&bytes).map_err(broken)?.platform().map(|platform| platform.normalized()).into_iter().collect())
}

/// Returns a name as messages have it.
fn word(selector: &Selector) -> String {
    match selector {
        Selector::Only => "the image".to_owned(),
        Selector::Name(name) => name.clone(),
        Selector::Digest(digest) => digest.to_string(),
    }
}
