// Command chart prints what a Helm chart comes to, as `helm template --include-crds` does:
// the cluster's test needs no helm.
//
//	chart -release NAME -namespace NAME -values FILE [-values FILE] CHART
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	fs := flag.NewFlagSet("chart", flag.ContinueOnError)
	release := fs.String("release", "", "the `name` of the release")
	namespace := fs.String("namespace", "", "its `namespace`")
	values := map[string]any{}
	fs.Func("values", "a `file` of values; what a later one says counts", func(file string) error {
		v, err := chartutil.ReadValuesFile(file)
		if err == nil {
			values = chartutil.CoalesceTables(v, values)
		}
		return err
	})
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() != 1 {
		return fmt.Errorf("give it the folder of one chart")
	}
	c, err := loader.Load(fs.Arg(0))
	if err != nil {
		return err
	}
	if err := chartutil.ProcessDependencies(c, values); err != nil {
		return err
	}
	able := chartutil.DefaultCapabilities.Copy()
	able.APIVersions = append(able.APIVersions, "policy/v1")
	all, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: *release, Namespace: *namespace, Revision: 1, IsInstall: true}, able)
	if err != nil {
		return err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return err
	}
	for _, crd := range c.CRDObjects() {
		if _, err := fmt.Fprintf(out, "---\n%s\n", crd.File.Data); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if ext := path.Ext(name); ext != ".yaml" || strings.TrimSpace(files[name]) == "" {
			continue
		}
		if _, err := fmt.Fprintf(out, "---\n# %s\n%s\n", name, files[name]); err != nil {
			return err
		}
	}
	return nil
}
