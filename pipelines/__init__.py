"""The only Beam importer: graphs, chunks, shards, launcher, manifest and the command line."""
