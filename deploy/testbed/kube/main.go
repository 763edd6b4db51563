// Command kube is a whole one-node Kubernetes in one binary: kube PROGRAM [ARGUMENT...]. One link instead of seven, and
// every part of the same release.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var programs = map[string]func() int{
	"apiserver":   func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"controllers": func() int { return cli.Run(controllers.NewControllerManagerCommand()) },
	"dns":         dns,
	"etcd":        func() int { etcdmain.Main(os.Args); return 0 },
	"kubectl":     func() int { return cli.Run(cmd.NewDefaultKubectlCommand()) },
	"kubelet":     func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) },
	"proxy":       func() int { return cli.Run(proxy.NewProxyCommand()) },
	"scheduler":   func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
}

func main() {
	if len(os.Args) > 1 {
		if program, found := programs[os.Args[1]]; found {
			os.Args = os.Args[1:]
			os.Exit(program())
		}
	}
	names := slices.Sorted(maps.Keys(programs))
	fmt.Fprintf(os.Stderr, "usage: kube %s [ARGUMENT...]\n", strings.Join(names, "|"))
	os.Exit(64)
}

// dns is CoreDNS with only what cluster names need; a query meets the plugins in this order.
func dns() int {
	dnsserver.Directives = []string{"bind", "errors", "cache", "kubernetes"}
	coremain.Run()
	return 0
}
