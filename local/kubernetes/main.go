// Command kubernetes is the control plane of the local platform in one binary: it runs the program it is called as
// (etcd, kube-apiserver, kube-controller-manager, kube-scheduler or kubectl), through a symbolic link of that name.
// One binary links the shared libraries once, which halves both the build and the size on disk.
//
// The build tag only_controller_manager leaves out everything else, for machines that have envtest's binaries
// (etcd, kube-apiserver and kubectl) and lack only that.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// programs maps a name to what runs it; each returns the exit code.
var programs = map[string]func() int{
	"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
}

func main() {
	name := filepath.Base(os.Args[0])
	run, known := programs[name]
	if !known {
		names := slices.Sorted(maps.Keys(programs))
		fmt.Fprintf(os.Stderr, "%s: call me by a symbolic link named one of: %s\n", name, strings.Join(names, ", "))
		os.Exit(2)
	}
	os.Exit(run())
}
