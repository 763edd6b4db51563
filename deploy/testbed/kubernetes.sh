#!/usr/bin/env bash
# A real one-node Kubernetes for tests: etcd, control plane with Pod Security admission, kubelet on containerd, kube-proxy,
# CoreDNS, a PostgreSQL server and an S3 server that pods reach. As root.
#
#   kubernetes.sh build             builds its one binary and the S3 server (Go; minutes, once)
#   kubernetes.sh up                starts it; ends with the node Ready
#   kubernetes.sh load FILE.tar...  gives it images that `docker save` wrote
#   kubernetes.sh run COMMAND...    a command in the node's network, with kubectl set up
#   kubernetes.sh down              ends it with everything on it, and forgets its state
#
# In the node's network PostgreSQL is postgres://postgres@10.85.0.1:5432/postgres, and http://10.85.0.1:9000 is S3 with the
# bucket `shelfwise`, the key `testbed` and the secret `testbed-secret`. The network is a plain bridge: it enforces no NetworkPolicy. There is no
# metrics server: an autoscaler keeps to its limits and does not scale.
# Debian packages: containerd runc containernetworking-plugins iptables conntrack iproute2 openssl postgresql.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/parts.sh"
BED=$CACHE/kubernetes
NET=shelfwise-kubernetes
KUBE=$CACHE/bin/kube
NODE=10.85.0.1
PODS=10.85.0.0/16
export KUBECONFIG=$BED/kubeconfig

build_all() {
  build kube
  CGO_ENABLED=0 build probe
  [ -x "$CACHE/bin/versitygw" ] || CGO_ENABLED=0 GOBIN="$CACHE/bin" go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
  # `kubectl` for people and tests, of the same release as the node.
  printf '#!/bin/sh\nexec "%s" kubectl "$@"\n' "$KUBE" >"$CACHE/bin/kubectl"
  chmod +x "$CACHE/bin/kubectl"
}

configure() {
  [ -f sa.key ] || openssl genrsa -out sa.key 2048 2>/dev/null
  openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
  local token
  token=$(openssl rand -hex 16)
  (umask 077 && echo "$token,admin,admin,system:masters" >tokens.csv)
  (umask 077 && cat >kubeconfig) <<C
apiVersion: v1
kind: Config
clusters: [{name: testbed, cluster: {server: "https://127.0.0.1:6443", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: $token}}]
contexts: [{name: testbed, context: {cluster: testbed, user: admin}}]
current-context: testbed
C
  cat >cni/10-bridge.conf <<C
{"cniVersion": "0.4.0", "name": "pods", "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false,
 "hairpinMode": true, "ipam": {"type": "host-local", "dataDir": "$BED/addresses",
 "ranges": [[{"subnet": "$PODS", "gateway": "$NODE"}]], "routes": [{"dst": "0.0.0.0/0"}]}}
C
  # restrict_oom_score_adj: a machine inside a sandbox may not lower the score, which kubelet asks for.
  cat >containerd.toml <<C
version = 2
root = "$BED/containerd"
state = "$BED/containerd-state"
[grpc]
  address = "$BED/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/shelfwise-testbed/probe:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$BED/cni"
C
  cat >kubelet.yaml <<C
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
containerRuntimeEndpoint: unix://$BED/containerd.sock
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
clusterDomain: cluster.local
clusterDNS: [$NODE]
resolvConf: /dev/null
C
  # As in a cluster today, names of the cluster are not cached by its DNS server.
  cat >Corefile <<C
.:53 {
    bind $NODE
    errors
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $BED/kubeconfig testbed
    }
}
C
}

postgres() { # the machine's PostgreSQL, on the node's address
  inside psql -h $NODE -U postgres -c 'select 1' >/dev/null 2>&1 && return
  local bin data user
  bin=$(find /usr/lib/postgresql -name initdb -printf '%h\n' | sort -V | tail -1)
  data=$(mktemp -d) # where its user may read, which the cache of root is not
  echo "$data" >postgres.folder
  chown postgres: "$data"
  user=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  (cd / && "${user[@]}" "$bin/initdb" -D "$data/db" -U postgres -A trust --no-sync) >log/initdb 2>&1
  echo "host all all $PODS trust" >>"$data/db/pg_hba.conf"
  (cd / && inside "${user[@]}" "$bin/pg_ctl" -D "$data/db" -w -l "$data/log" -o \
    "-c listen_addresses=$NODE -c unix_socket_directories= -c fsync=off -c max_connections=200" start) >log/postgres 2>&1
}
end_postgres() {
  local data
  data=$(cat postgres.folder 2>/dev/null) || return 0
  if [ -f "$data/db/postmaster.pid" ]; then kill -INT "$(head -1 "$data/db/postmaster.pid")" 2>/dev/null || true; fi
  rm -rf "$data" postgres.folder
}

up() {
  [ -x "$KUBE" ] && [ -x "$CACHE/bin/probe" ] && [ -x "$CACHE/bin/kubectl" ] && [ -x "$CACHE/bin/versitygw" ] || build_all
  mkdir -p "$BED"/{cni,log,objects/shelfwise,pid}
  cd "$BED"
  network
  alive apiserver || configure
  # An address of its own: else the bridge takes that of one of its ports, and when that pod ends, all others talk to nobody
  # until they have asked again.
  inside sh -ec "ip link show cni0 >/dev/null 2>&1 || ip link add cni0 address 0a:58:0a:55:00:01 type bridge
    ip addr replace $NODE/16 dev cni0
    ip link set cni0 up
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables"
  start containerd containerd --config containerd.toml
  start etcd "$KUBE" etcd --data-dir etcd --unsafe-no-fsync
  start apiserver "$KUBE" apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --secure-port=6443 \
    --cert-dir=certs --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=sa.pub \
    --service-account-signing-key-file=sa.key --token-auth-file=tokens.csv --service-cluster-ip-range=10.96.0.0/16 \
    --authorization-mode=Node,RBAC --advertise-address=$NODE --kubelet-preferred-address-types=InternalIP
  image docker.io/shelfwise-testbed/probe:1 probe.tar "$CACHE/bin/probe"
  wait_for 30 containerd ctr -a containerd.sock version
  load "$BED/probe.tar"
  postgres
  start objects env ROOT_ACCESS_KEY=testbed ROOT_SECRET_KEY=testbed-secret \
    "$CACHE/bin/versitygw" --quiet --port $NODE:9000 posix "$BED/objects"
  wait_for 120 "the API server" kubectl get --raw /readyz
  start controllers "$KUBE" controllers --kubeconfig=kubeconfig --service-account-private-key-file=sa.key \
    --use-service-account-credentials=true --root-ca-file=certs/apiserver.crt --leader-elect=false
  start scheduler "$KUBE" scheduler --kubeconfig=kubeconfig --leader-elect=false
  start dns "$KUBE" dns -conf Corefile
  start kubelet "$KUBE" kubelet --kubeconfig=kubeconfig --config=kubelet.yaml --root-dir="$BED/kubelet" \
    --hostname-override=node --node-ip=$NODE
  start proxy "$KUBE" proxy --kubeconfig=kubeconfig --hostname-override=node --proxy-mode=iptables \
    --cluster-cidr=$PODS --conntrack-max-per-core=0
  wait_for 120 "the node" kubectl wait --for=condition=Ready node/node --timeout=1s
  wait_for 60 "the service account" kubectl -n default get serviceaccount default
  echo "export KUBECONFIG=$KUBECONFIG"
}

kubectl() { inside "$KUBE" kubectl "$@"; }
load() {
  local file
  for file in "$@"; do ctr -a "$BED/containerd.sock" -n k8s.io images import "$file" >"$BED/log/import" 2>&1; done
}

down() {
  [ -d "$BED" ] || return 0
  cd "$BED"
  local name task
  for name in kubelet controllers scheduler proxy dns; do end "$name"; done
  end_postgres
  if alive containerd; then
    for task in $(ctr -a containerd.sock -n k8s.io tasks ls -q); do
      ctr -a containerd.sock -n k8s.io tasks rm -f "$task" >/dev/null 2>&1 || true
    done
  fi
  for name in apiserver etcd objects containerd; do end "$name"; done
  cd /
  leave
  rm -rf --one-file-system "$BED"
}

case ${1:-} in
build) build_all ;;
up) up ;;
load) shift && load "$@" ;;
run) shift && PATH=$CACHE/bin:$PATH exec nsenter --net="/run/netns/$NET" "$@" ;;
down) down ;;
*) sed -n '2,17p' "$0"; exit 64 ;;
esac
