// Command manifests checks manifests for Kubernetes with Dapr's own packages: what an API
// server lets through, because only a sidecar or its injector reads it.
//
//	manifests FILE                 prints a line for each fault
//	manifests FILE allowed <CALLS  prints allow or deny for each line "callee caller VERB path"
//
// A caller is an app ID and its namespace, app.namespace. It fails where a file cannot be
// read at all.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dapr/dapr/pkg/acl"
	resiliencyapi "github.com/dapr/dapr/pkg/apis/resiliency/v1alpha1"
	"github.com/dapr/dapr/pkg/config"
	"github.com/dapr/dapr/pkg/injector/patcher"
	"github.com/dapr/dapr/pkg/resiliency"
	"github.com/dapr/kit/logger"
	"k8s.io/apimachinery/pkg/api/resource"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 || len(args) > 2 || len(args) == 2 && args[1] != "allowed" {
		return errors.New("give it a file, and perhaps: allowed")
	}
	raw, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	docs, err := split(raw)
	if err != nil {
		return err
	}
	if len(args) == 2 {
		return calls(docs, stdin, stdout)
	}
	for _, d := range docs {
		for _, fault := range d.faults() {
			_, _ = fmt.Fprintf(stdout, "%s %s: %s\n", d.Kind, d.Metadata.Name, strings.Join(strings.Fields(fault), " "))
		}
	}
	return nil
}

// document is a manifest, as far as it is read here.
type document struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Template struct {
			Metadata struct {
				Annotations map[string]string `json:"annotations"`
			} `json:"metadata"`
		} `json:"template"`
	} `json:"spec"`
	raw []byte
}

func split(raw []byte) (docs []document, err error) {
	r := kyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw)))
	for {
		one, err := r.Read()
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, err
		}
		d := document{raw: one}
		// What is of no interest here may have a spec of any form.
		var head struct {
			Kind string `json:"kind"`
		}
		if err := yaml.Unmarshal(one, &head); err != nil {
			return nil, err
		}
		if slices.Contains([]string{"Deployment", "Resiliency", "Configuration"}, head.Kind) {
			if err := yaml.Unmarshal(one, &d); err != nil {
				return nil, err
			}
			docs = append(docs, d)
		}
	}
}

func (d document) faults() []string {
	switch d.Kind {
	case "Resiliency":
		var r resiliencyapi.Resiliency
		if err := yaml.UnmarshalStrict(d.raw, &r); err != nil {
			return []string{err.Error()}
		}
		if err := resiliency.New(logger.NewLogger("manifests")).DecodeConfiguration(&r); err != nil {
			return []string{err.Error()}
		}
	case "Configuration":
		return listFaults(d)
	case "Deployment":
		return annotationFaults(d.Spec.Template.Metadata.Annotations)
	}
	return nil
}

// list gives the access-control list of a Configuration.
func (d document) list() (*config.AccessControlSpec, *config.AccessControlList, error) {
	c := config.LoadDefaultConfiguration()
	if err := yaml.Unmarshal(d.raw, c); err != nil {
		return nil, nil, err
	}
	spec := c.Spec.AccessControlSpec
	list, err := acl.ParseAccessControlSpec(spec, true)
	return spec, list, err
}

var verbs = []string{"*", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// listFaults names what a sidecar takes for something else than was meant: it refuses no
// word that it does not know.
func listFaults(d document) (faults []string) {
	spec, _, err := d.list()
	if err != nil {
		return []string{err.Error()}
	}
	action := func(where, a string) {
		if a != "allow" && a != "deny" {
			faults = append(faults, fmt.Sprintf("%s: %q is neither allow nor deny", where, a))
		}
	}
	// So it is, too, where there is no list.
	if spec.DefaultAction != "deny" {
		faults = append(faults, "defaultAction is not deny: who is not listed may call")
	}
	for _, p := range spec.AppPolicies {
		action(p.AppName, p.DefaultAction)
		for _, o := range p.AppOperationActions {
			action(p.AppName+" "+o.Operation, o.Action)
			for _, v := range o.HTTPVerb {
				if !slices.Contains(verbs, v) {
					faults = append(faults, fmt.Sprintf("%s %s: %q is no verb", p.AppName, o.Operation, v))
				}
			}
			if parts := strings.Split(o.Operation, "/"); slices.Contains(parts[:len(parts)-1], "*") {
				faults = append(faults, fmt.Sprintf("%s %s: a \"*\" before the end matches nothing", p.AppName, o.Operation))
			}
		}
	}
	return faults
}

// checks of annotations that are strings to the injector.
var checks = map[string]func(string) error{
	"dapr.io/app-protocol": func(v string) error {
		if !slices.Contains([]string{"http", "https", "grpc", "grpcs", "h2c"}, v) {
			return fmt.Errorf("%q is no protocol", v)
		}
		return nil
	},
	"dapr.io/log-level": func(v string) error {
		if !slices.Contains([]string{"debug", "info", "warn", "error", "fatal"}, v) {
			return fmt.Errorf("%q is no level", v)
		}
		return nil
	},
	"dapr.io/block-shutdown-duration": duration, "dapr.io/app-binding-options-timeout": duration,
	"dapr.io/max-body-size": quantity, "dapr.io/read-buffer-size": quantity,
	"dapr.io/sidecar-cpu-request": quantity, "dapr.io/sidecar-cpu-limit": quantity,
	"dapr.io/sidecar-memory-request": quantity, "dapr.io/sidecar-memory-limit": quantity,
}

func duration(v string) error {
	_, err := time.ParseDuration(v)
	return err
}

func quantity(v string) error {
	_, err := resource.ParseQuantity(v)
	return err
}

// annotationFaults holds annotations to the fields that the injector reads them into.
func annotationFaults(annotations map[string]string) (faults []string) {
	known := map[string]reflect.Type{}
	for t, i := reflect.TypeFor[patcher.SidecarConfig](), 0; i < t.NumField(); i++ {
		if key := t.Field(i).Tag.Get("annotation"); key != "" {
			of := t.Field(i).Type
			if of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
			known[key] = of
		}
	}
	for key, v := range annotations {
		if !strings.HasPrefix(key, "dapr.io/") {
			continue
		}
		var err error
		of, there := known[key]
		switch {
		case !there:
			err = errors.New("the injector knows no such annotation")
		case of.Kind() == reflect.Bool:
			if v != "true" && v != "false" {
				err = fmt.Errorf("%q is neither true nor false", v)
			}
		case of.Kind() == reflect.Int, of.Kind() == reflect.Int32:
			if _, err = strconv.ParseInt(v, 10, 32); err != nil {
				err = fmt.Errorf("%q is no number, and would be left out", v)
			}
		case checks[key] != nil:
			err = checks[key](v)
		}
		if err != nil {
			faults = append(faults, key+": "+err.Error())
		}
	}
	slices.Sort(faults)
	return faults
}

// calls says of each call whether the callee's sidecar lets it through, as Dapr decides it
// for a caller with a certificate.
func calls(docs []document, in io.Reader, out io.Writer) error {
	lists := map[string]*config.AccessControlList{}
	for _, d := range docs {
		if d.Kind != "Configuration" {
			continue
		}
		_, list, err := d.list()
		if err != nil {
			return err
		}
		lists[d.Metadata.Name] = list
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) != 4 || lists[f[0]] == nil {
			return fmt.Errorf("%q is no call of an app with a list", lines.Text())
		}
		app, namespace, _ := strings.Cut(f[1], ".")
		_, _ = fmt.Fprintln(out, decide(lists[f[0]], app, namespace, f[2], f[3]))
	}
	return nil
}

func decide(list *config.AccessControlList, app, namespace, verb, path string) string {
	policy, there := list.PolicySpec[app+"||"+namespace]
	if !there || policy.TrustDomain != list.TrustDomain {
		return list.DefaultAction
	}
	action := policy.DefaultAction
	if o := policy.AppOperationActions.Search(strings.ToLower(path)); o != nil {
		if a, ok := o.VerbAction[verb]; ok {
			action = a
		} else if a, ok := o.VerbAction["*"]; ok {
			action = a
		}
	}
	return action
}
