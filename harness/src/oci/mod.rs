//! Images as files: reading OCI archives, the four sizes, what a layer adds. No engine, no async.
