//! The catalogue: every cause that is known, what it is in a few words, and how it is mended.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

macro_rules! causes {
    ($($name:ident $slug:literal $what:literal $fix:literal;)*) => {
        /// Why two images differ. The slug is stable: scripts and records name causes by it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "the catalogue says of each what it is")]
        pub enum Cause { $(#[doc = $what] $name,)* }

        impl Cause {
            /// All of them, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable name.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// What it is, in a few words.
            pub fn what(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }

            /// How it is mended, in one line.
            pub fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix,)* }
            }
        }
    };
}

causes! {
    // What a layer's tar says of its members.
    Mtime "mtime" "times of last change" "set SOURCE_DATE_EPOCH and export with rewrite-timestamp=true";
    Umask "umask" "write bits of group and others" "set the mode with COPY --chmod, or use one umask where the context comes from";
    Mode "mode" "permission bits" "set the mode with COPY --chmod, or with chmod in the RUN that makes the file";
    Owner "owner" "owners by number" "create users with fixed numbers (useradd --uid) and set owners with COPY --chown";
    OwnerNames "owner-names" "names of owners in the tar" "build both with the same version of the same builder";
    Xattr "xattr" "extended attributes" "build both on the same kind of file system, with the same builder";
    LinkTarget "link-target" "where a symbolic link points" "make the link point to a fixed path, not to one with a version or a random part";
    HardlinkOrCopy "hardlink-or-copy" "hard links" "build both with the same snapshotter (overlayfs), or copy instead of linking";
    EntryType "entry-type" "file, directory or link under one name" "see what makes the path in each build: it is not the same kind of thing";
    DeviceNumber "device-number" "device numbers" "create device nodes when the container starts, not in the image";
    EntryOrder "entry-order" "the order of the tar's members" "build both with the same version of the same builder";
    DuplicateEntry "duplicate-entry" "a path twice in one layer" "build both with the same version of the same builder";
    TarDialect "tar-dialect" "how the tar's headers are written" "build both with the same version of the same builder";
    PaxHeaders "pax-headers" "further PAX records, such as access times" "build both with the same version of the same builder";
    TarPadding "tar-padding" "what fills up the tar" "build both with the same version of the same builder";
    Whiteout "whiteout" "whiteouts: what a layer deletes of those below" "delete in the same RUN that creates, and build both with the same snapshotter";
    Compression "compression" "the same tar, compressed otherwise" "use one builder version, compression and level for both, or compare the tars (diff ids)";
    LayerBoundaries "layer-boundaries" "the same file in another layer" "group the instructions alike in both Dockerfiles";
    ExtraLayer "extra-layer" "a layer that only one of them has" "compare the instructions: one image was built with more of them";
    CopiedContent "copied-content" "what a COPY or ADD brought in" "build both from the same commit of the context; if it comes from a stage, mend that stage";

    // What manifest, configuration and index say.
    ConfigCreated "config-created" "times of creation in configuration and history" "set SOURCE_DATE_EPOCH";
    HistoryCommand "history-command" "the instructions" "build both from the same Dockerfile";
    BuildArg "build-arg" "the value of a build argument" "pass the same build arguments, or declare those that vary after the last RUN";
    History "history" "how many instructions there are" "build both from the same Dockerfile with the same builder";
    Environment "environment" "environment variables" "set the same ENV; keep what varies for docker run --env";
    ConfigLabel "config-label" "labels" "set the same LABEL in both";
    LabelBuildInfo "label-build-info" "labels that say when and from what it was built" "leave such labels out, or derive them from the commit";
    ConfigSetting "config-setting" "how the container is run (user, command, ports, …)" "build both from the same Dockerfile";
    Platform "platform" "the platform" "build both for the same platform: --platform linux/amd64";
    LegacyBuilderIds "legacy-builder-ids" "ids of the classic builder's containers" "build with BuildKit";
    InlineCache "inline-cache" "the cache that is kept in the configuration" "build without BUILDKIT_INLINE_CACHE; export the cache to a registry instead";
    BuildInfo "build-info" "what BuildKit once recorded of its sources" "build with BuildKit 0.14 or newer, or with the attribute buildinfo=false";
    MediaType "media-type" "media types: Docker's or OCI's" "export both with the same builder version and the same oci-mediatypes";
    Annotation "annotation" "annotations" "pass the same annotations to both";
    IndexCreated "index-created" "times of creation in annotations" "set SOURCE_DATE_EPOCH";
    ImageName "image-name" "the names under which they were saved" "nothing: the name is no part of the image";
    Attestation "attestation" "provenance or bill of materials beside the image" "build with --provenance=false --sbom=false, or compare the manifests";
    BaseImage "base-image" "another base image" "pin FROM by digest";

    // Packages.
    PythonPackageVersion "python-package-version" "a Python package in another version" "pin it in a lock file, with hashes";
    PythonPackageSet "python-package-set" "a Python package that only one of them has" "install both from the same lock file";
    DpkgPackageVersion "dpkg-package-version" "a Debian package in another version" "install from the Debian snapshot archive of one day, or pin package=version";
    DpkgPackageSet "dpkg-package-set" "a Debian package that only one of them has" "name the packages, with --no-install-recommends, from the snapshot archive of one day";
    ApkPackageVersion "apk-package-version" "an Alpine package in another version, or in one only" "pin package=version";

    // What lies at a known place.
    AptLog "apt-log" "apt's logs" "rm -r /var/log/apt/* in the same RUN";
    DpkgLog "dpkg-log" "logs of dpkg, alternatives and bootstrap" "rm /var/log/dpkg.log /var/log/alternatives.log in the same RUN";
    LogFile "log-file" "a log" "delete what lies in /var/log in the same RUN";
    AptLists "apt-lists" "apt's package lists" "rm -r /var/lib/apt/lists/* in the same RUN, or --mount=type=cache there";
    AptCache "apt-cache" "apt's caches" "rm /var/cache/apt/*.bin and apt-get clean in the same RUN, or --mount=type=cache there";
    DebconfCache "debconf-cache" "debconf's database" "rm /var/cache/debconf/* in the same RUN";
    ManCache "man-cache" "the index of manual pages" "rm -r /var/cache/man in the same RUN";
    LdconfigCache "ldconfig-cache" "ldconfig's notes of inodes and times" "rm /var/cache/ldconfig/aux-cache in the same RUN";
    ShadowDay "shadow-day" "the day of the last password change" "declare ARG SOURCE_DATE_EPOCH before useradd, or run chage -d 0 USER";
    MachineId "machine-id" "the machine id" "empty /etc/machine-id: it is made when the container starts";
    RandomSeed "random-seed" "seeds and databases of systemd" "rm /var/lib/systemd/random-seed /var/lib/systemd/catalog/database";
    SshHostKey "ssh-host-key" "ssh host keys" "rm /etc/ssh/ssh_host_*: a key in an image is a secret that everybody has";
    FontCache "font-cache" "fontconfig's cache" "rm -r /var/cache/fontconfig in the same RUN";
    PipCache "pip-cache" "pip's cache" "pip install --no-cache-dir, or --mount=type=cache,target=/root/.cache/pip";
    UvCache "uv-cache" "uv's cache" "uv --no-cache, or --mount=type=cache,target=/root/.cache/uv";
    CondaCache "conda-cache" "conda's package cache" "conda clean --all in the same RUN";
    CondaHistory "conda-history" "conda's history" "rm conda-meta/history in the same RUN";
    NpmCache "npm-cache" "npm's cache" "npm cache clean --force in the same RUN, or --mount=type=cache,target=/root/.npm";
    HfCache "hf-cache" "the Hugging Face cache" "download with --local-dir at a pinned revision, or mount the model";
    ModelWeights "model-weights" "the weights of a model" "pin the model's revision by its hash";
    RpmDatabase "rpm-database" "rpm's database" "rpm --rebuilddb with SOURCE_DATE_EPOCH set, in an rpm that honours it";
    DnfHistory "dnf-history" "dnf's history, logs and counters" "rm -r /var/lib/dnf /var/log/dnf* in the same RUN";
    ApkScripts "apk-scripts" "times in apk's archive of scripts" "delete /lib/apk/db/scripts.tar, or use an apk that honours SOURCE_DATE_EPOCH";
    TemporaryFile "temporary-file" "left in /tmp or /var/tmp" "delete it in the same RUN, or --mount=type=tmpfs,target=/tmp";
    ShellHistory "shell-history" "what programs remember in the home directory" "delete it in the same RUN; wget --no-hsts";
    GitMetadata "git-metadata" "a .git directory" "list .git in .dockerignore; clone with --depth 1 and delete .git";
    RuntimeState "runtime-state" "state of running programs in /run" "delete what lies in /run in the same RUN";

    // Python.
    PycMtime "pyc-mtime" "the source's time in bytecode" "ARG SOURCE_DATE_EPOCH before the RUN (pyc by hash), PYTHONDONTWRITEBYTECODE=1, or pip --no-compile";
    PycInvalidationMode "pyc-invalidation-mode" "bytecode that is checked by time in one, by hash in the other" "set SOURCE_DATE_EPOCH in both builds or in neither";
    PycSource "pyc-source" "bytecode of another source" "mend what makes the source differ";
    PycPath "pyc-path" "the path of the source in bytecode" "compile at the final path, or compileall -s PREFIX";
    PycMarshalRefs "pyc-marshal-refs" "the same bytecode, written with other references" "compile with one job (compileall -j 1), or leave bytecode out: PYTHONDONTWRITEBYTECODE=1";
    PycSetOrder "pyc-set-order" "the order of a set in bytecode" "PYTHONHASHSEED=0 where it is compiled";
    PycPythonVersion "pyc-python-version" "bytecode of another Python" "pin the Python version by the base image's digest";
    PycPresence "pyc-presence" "bytecode that only one of them has" "PYTHONDONTWRITEBYTECODE=1, or compile all once with compileall";
    RecordOrder "record-order" "the order of the lines in RECORD" "install both with the same version of the same installer";
    RecordFollows "record-follows" "RECORD lists hashes of files that differ" "mend the files that it lists";
    InstallMetadata "install-metadata" "what the installer notes of itself" "install both with the same tool from the same place; UV_NO_INSTALLER_METADATA=1";

    // Formats.
    ElfBuildId "elf-build-id" "the build id of a binary" "compile with -Wl,--build-id=none or -ffile-prefix-map, or install a wheel instead of compiling";
    ZipTimes "zip-times" "times in a zip archive" "build it with SOURCE_DATE_EPOCH set, or zip -X after touch -d";
    ZipOrder "zip-order" "the order of a zip archive" "add the files in sorted order: find | sort | zip -X -@";
    ZipModes "zip-modes" "modes and further fields in a zip archive" "zip -X, with one umask";
    ZipCompression "zip-compression" "the same files in a zip archive, compressed otherwise" "use one version and level of the compressor";
    GzipHeader "gzip-header" "the time or name in a gzip header" "gzip -n";
    GzipCompression "gzip-compression" "the same content, compressed otherwise" "use one version and level of the compressor";
    ArHeaders "ar-headers" "times and owners in an ar archive" "ar D (deterministic mode), or strip --enable-deterministic-archives";
    SqliteCounters "sqlite-counters" "change counters of a SQLite database" "make the database in one transaction, by one version of SQLite";
    NestedTarHeaders "nested-tar-headers" "times, owners or modes in a tar within the image" "tar --mtime=@0 --owner=0 --group=0 --numeric-owner";
    NestedTarOrder "nested-tar-order" "the order of a tar within the image" "tar --sort=name";

    // Text, and strings in binaries.
    EmbeddedTime "embedded-time" "a time of building in a file" "have the tool honour SOURCE_DATE_EPOCH (ARG it before the RUN), or cut the time out";
    EmbeddedPath "embedded-path" "a temporary path in a file" "build at a fixed path; -ffile-prefix-map=OLD=NEW for compilers";
    RandomId "random-id" "a random identifier in a file" "give the tool a fixed seed or id, or delete the file";
    MemoryAddress "memory-address" "a memory address in a file" "print no object's default form; delete the file";
    UnorderedList "unordered-list" "the same lines or keys in another order" "sort the output, or PYTHONHASHSEED=0 for Python";

    // The honest rest.
    Unknown "unknown" "not known" "look at both files; if you find the cause, tell us";
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.slug())
    }
}

impl FromStr for Cause {
    type Err = String;

    /// The error is one line that names the nearest slug.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(cause) = Self::ALL.iter().find(|cause| cause.slug() == text) {
            return Ok(*cause);
        }
        let nearness = |cause: &&Self| (strsim::jaro_winkler(cause.slug(), text) * 1e6) as i64;
        let nearest = Self::ALL.iter().max_by_key(nearness).map_or("", |cause| cause.slug());
        Err(format!("there is no cause `{text}`; the nearest is `{nearest}`"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn slugs_are_of_one_form_and_each_is_there_once() {
        let slugs: BTreeSet<&str> = Cause::ALL.iter().map(|cause| cause.slug()).collect();
        assert_eq!(slugs.len(), Cause::ALL.len());
        assert!(slugs.len() > 30);
        for cause in Cause::ALL {
            let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(cause.slug().chars().all(sound), "{cause}");
            assert!(!cause.fix().is_empty() && !cause.fix().contains('\n'), "{cause}");
            assert_eq!(cause.slug().parse::<Cause>(), Ok(*cause));
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_answered_with_the_nearest() {
        assert!("pyc-mtimes".parse::<Cause>().unwrap_err().contains("`pyc-mtime`"));
    }
}
