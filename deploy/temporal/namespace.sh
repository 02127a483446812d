#!/bin/sh
# Wait until Temporal serves, then make the namespace that Jarvis works in.
set -eu

# compose starts this again when the server is not ready yet.
temporal operator cluster health
temporal operator namespace describe --namespace default >/dev/null 2>&1 ||
    temporal operator namespace create --namespace default --retention 30d \
        --description "Jarvis' workflows"
temporal operator namespace describe --namespace default
