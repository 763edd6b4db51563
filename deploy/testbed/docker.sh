#!/usr/bin/env bash
# A real Docker engine for tests, on a machine that has none running and reaches no image registry. As root.
#
#   docker.sh up                    starts it; prints the line that points the docker client at it
#   docker.sh build DOCKERFILE PROFILE FILE...
#                                   makes the image that DOCKERFILE's build stage starts from, with a `cargo` that hands out
#                                   FILE..., binaries built on this machine, instead of compiling
#   docker.sh postgres FILE         makes the `postgres` image that a Compose file names, from this machine's PostgreSQL 15
#   docker.sh run COMMAND...        a command in the engine's network, where published ports answer
#   docker.sh down                  ends it and its containers; images stay for the next time
#
# Debian packages: docker.io debootstrap iproute2, and for `postgres` postgresql-15. What it builds lies in ~/.cache/shelfwise-testbed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/parts.sh"
BED=$CACHE/docker
NET=shelfwise-docker
export DOCKER_HOST=unix://$BED/docker.sock DOCKER_BUILDKIT=0 DOCKER_CONFIG=$BED/client

up() {
  mkdir -p "$BED"/{client,log,pid}
  network
  cat >"$BED/containerd.toml" <<C
version = 2
root = "$BED/containerd"
state = "$BED/containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$BED/containerd.sock"
C
  start containerd containerd --config containerd.toml
  wait_for 30 containerd ctr -a "$BED/containerd.sock" version
  # Containers find each other on networks of their own; nothing leaves this machine, so nothing needs translating.
  start dockerd dockerd --containerd "$BED/containerd.sock" --data-root "$BED/data" --exec-root "$BED/exec" \
    -H "$DOCKER_HOST" --pidfile "$BED/dockerd.pid" --iptables=false --ip6tables=false --bridge=none
  wait_for 60 "the Docker engine" docker version
  base
  [ -f "$CACHE/bin/probe" ] || CGO_ENABLED=0 build probe
  image shelfwise-testbed/probe:1 "$BED/probe.tar" "$CACHE/bin/probe"
  docker load -q -i "$BED/probe.tar" >/dev/null
  echo "export DOCKER_HOST=$DOCKER_HOST DOCKER_BUILDKIT=0"
}

base() { # Debian's root file system: what the official images start from
  docker image inspect shelfwise-testbed/debian:bookworm >/dev/null 2>&1 && return
  if [ ! -f "$CACHE/bookworm.tar" ]; then
    local root mirror
    root=$(mktemp -d)
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | head -1)
    debootstrap --variant=minbase --include=ca-certificates bookworm "$root" "$mirror" >"$BED/log/debootstrap" 2>&1
    tar -C "$root" --one-file-system --exclude='./proc/*' --exclude='./sys/*' --exclude='./var/cache/apt/*' \
      --exclude='./var/lib/apt/lists/*' -cf "$CACHE/bookworm.new" .
    rm -rf --one-file-system "$root"
    mv "$CACHE/bookworm.new" "$CACHE/bookworm.tar"
  fi
  docker import "$CACHE/bookworm.tar" shelfwise-testbed/debian:bookworm >/dev/null
}

stand_in() { # DOCKERFILE PROFILE FILE...
  local image folder
  image=$(sed -n 's/^FROM \(rust:[^ ]*\) .*/\1/p' "$1")
  case $2 in dev) folder=debug ;; *) folder=$2 ;; esac
  shift 2
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT
  mkdir -p "$WORK/built/$folder"
  cp "$@" "$WORK/built/$folder/"
  cat >"$WORK/cargo" <<'C'
#!/bin/sh
# `cargo build … --profile PROFILE --bin NAME`, done outside by the same command: puts its result where cargo would.
set -eu
while [ $# -gt 0 ]; do
  case $1 in --profile) profile=$2 ;; --bin) name=$2 ;; esac
  shift
done
case $profile in dev) folder=debug ;; *) folder=$profile ;; esac
# What the real one would miss: a member of the workspace, or the samples that are compiled in.
members=$(sed -n 's/^members = \[\(.*\)\]$/\1/p' Cargo.toml | tr -d '",')
for member in ${members:?Cargo.toml lists its members in another way}; do
  [ -f "$member/Cargo.toml" ] || { echo "cargo: the build context lacks $member" >&2; exit 101; }
done
[ -f functions/guests/built/hello.wasm ] || { echo "cargo: the build context lacks the sample functions" >&2; exit 101; }
mkdir -p "target/$folder"
cp "/built/$folder/$name" "target/$folder/"
C
  chmod +x "$WORK/cargo"
  printf 'FROM shelfwise-testbed/debian:bookworm\nCOPY cargo /usr/local/bin/cargo\nCOPY built /built\n' >"$WORK/Dockerfile"
  docker build -q -t "$image" "$WORK"
}

postgres() { # COMPOSE_FILE
  local image installed=/usr/lib/postgresql/15
  image=$(sed -n 's/^ *image: *\(postgres:15[^ ]*\)$/\1/p' "$1")
  [ -n "$image" ] || die "$1 names no image of PostgreSQL 15"
  [ -x $installed/bin/postgres ] || die "needs postgresql-15"
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT
  mkdir "$WORK/root"
  # Compiling queries takes LLVM, which is larger than all the rest.
  find $installed /usr/share/postgresql/15 -type f ! -name 'llvmjit*' ! -path '*/bitcode/*' >"$WORK/files"
  # The libraries that Debian's root lacks; those that it has stay its own.
  tar -tf "$CACHE/bookworm.tar" | sed 's|^\.||' | sort >"$WORK/base"
  { xargs -a "$WORK/files" ldd 2>/dev/null || true; } | grep -o '=> /[^ ]*' | sed 's|^=> ||; s|^/lib|/usr/lib|' | sort -u |
    comm -23 - "$WORK/base" >"$WORK/libraries"
  (cd / && cat "$WORK/files" "$WORK/libraries" | xargs cp --parents --dereference -t "$WORK/root")
  cp "$HERE/postgres.sh" "$WORK/docker-entrypoint.sh"
  cat >"$WORK/Dockerfile" <<D
FROM shelfwise-testbed/debian:bookworm
COPY root /
COPY docker-entrypoint.sh /usr/local/bin/
RUN groupadd -r -g 999 postgres && useradd -r -g postgres -u 999 -d /var/lib/postgresql postgres && ldconfig
ENV PATH=$installed/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
EXPOSE 5432
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
D
  docker build -q -t "$image" "$WORK"
}

down() {
  if alive dockerd; then
    docker ps -aq | xargs -r docker rm -f -v >/dev/null 2>&1 || true
    docker network prune -f >/dev/null 2>&1 || true
    docker volume prune -f >/dev/null 2>&1 || true
    docker image prune -f >/dev/null 2>&1 || true
  fi
  end dockerd
  end containerd
  leave
}

case ${1:-} in
up) up ;;
build) [ $# -gt 3 ] && shift && stand_in "$@" ;;
postgres) [ $# = 2 ] && postgres "$2" ;;
run) shift && PATH=$CACHE/bin:$PATH exec nsenter --net="/run/netns/$NET" "$@" ;;
down) down ;;
*) sed -n '2,13p' "$0"; exit 64 ;;
esac
