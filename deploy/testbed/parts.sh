# Sourced by docker.sh, kubernetes.sh and dapr.sh: where a testbed keeps its things, and how its processes start and end.
#
# A testbed has a folder (BED) for what runs and a network namespace (NET) of its own, so that it takes no port of the
# machine, changes no firewall rule of it, and goes away whole.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/shelfwise-testbed
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$CACHE/bin"

die() { echo "error: $*" >&2; exit 1; }

network() { # makes the namespace, with its loopback up
  [ -e "/run/netns/$NET" ] || ip netns add "$NET"
  inside ip link set lo up
}
inside() { nsenter --net="/run/netns/$NET" "$@"; } # a command in the testbed's network; it keeps the process id

alive() { # NAME: whether what `start` started is still that process: its working folder is the testbed's
  local pid
  pid=$(cat "$BED/pid/$1" 2>/dev/null) && [ "$(readlink "/proc/$pid/cwd")" = "$BED" ]
}
start() { # NAME COMMAND...: in the background in the testbed's network, log and process id kept
  local name=$1
  shift
  alive "$name" && return
  mkdir -p "$BED/log" "$BED/pid"
  (cd "$BED" && exec nohup nsenter --net="/run/netns/$NET" "$@" >"$BED/log/$name" 2>&1 </dev/null) &
  echo $! >"$BED/pid/$name"
}
end() { # NAME: asks it to end, waits up to 20 s, then insists
  if alive "$1"; then
    local pid left=200
    pid=$(cat "$BED/pid/$1")
    kill "$pid" 2>/dev/null || true
    while alive "$1" && [ $((left -= 1)) -gt 0 ]; do sleep 0.1; done
    if alive "$1"; then kill -KILL "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$BED/pid/$1"
}
leave() { # what is left: processes that live in the testbed's folder, its mounts, its network
  local cwd
  for cwd in /proc/[0-9]*/cwd; do
    case $(readlink "$cwd" 2>/dev/null) in "$BED" | "$BED"/*) kill -KILL "$(echo "$cwd" | cut -d/ -f3)" 2>/dev/null || true ;; esac
  done
  awk -v bed="$BED/" 'index($2, bed) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null || true
  if [ -e "/run/netns/$NET" ]; then ip netns del "$NET"; fi
}
wait_for() { # SECONDS WHAT COMMAND...
  local left=$(($1 * 5)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $((left -= 1)) -gt 0 ] || die "gave up waiting for $what; see $BED/log"
    sleep 0.2
  done
}

build() { # NAME: a Go program of this folder, in the cache
  (cd "$HERE/$1" && go build -trimpath -ldflags='-s -w' -o "$CACHE/bin/$1" .)
}
image() { # NAME:TAG OUT.tar PROGRAM...: an image of static programs, without a daemon; the first one is the entry point
  local name=$1 out=$2 work digest
  shift 2
  work=$(mktemp -d)
  mkdir "$work/root"
  cp "$@" "$work/root/"
  tar -C "$work/root" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$work/layer.tar" .
  digest=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
  printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/%s"],"User":"65532:65532"},
    "rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$(go env GOARCH)" "$(basename "$1")" "$digest" >"$work/config.json"
  printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$name" >"$work/manifest.json"
  tar -C "$work" -cf "$out" manifest.json config.json layer.tar
  rm -rf "$work"
}
