package arch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

type rules struct {
	Groups []struct {
		Rules []struct {
			Alert       string
			Expr        string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

var (
	figure = regexp.MustCompile(`tienda_[a-z_]+[a-z]`)
	suffix = regexp.MustCompile(`_(bucket|count|sum)$`)
	shown  = regexp.MustCompile("(?m)^\\| `(tienda_[a-z_]+)` \\|")
)

// known gives the figures of docs/metrics.md, which a running shop is held to
// (tests/telemetry).
func known(t *testing.T) map[string]bool {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	out := map[string]bool{}
	for _, m := range shown.FindAllStringSubmatch(string(page), -1) {
		out[m[1]] = true
	}
	require.NotEmpty(t, out)
	return out
}

func requireKnown(t *testing.T, figures map[string]bool, expr, where string) {
	t.Helper()
	for _, name := range figure.FindAllString(expr, -1) {
		require.True(t, figures[name] || figures[suffix.ReplaceAllString(name, "")], "%s asks for %s, which is not in docs/metrics.md", where, name)
	}
}

// Each alert asks for figures that there are, says how bad it is, has a page that tells
// what to do, and a case in which it fires and one in which it does not.
func TestAlerts(t *testing.T) {
	var r rules
	b, err := os.ReadFile("../../observability/prometheus/rules.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(b, &r))
	var cases struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string
				ExpAlerts []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	b, err = os.ReadFile("../../observability/prometheus/rules_test.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(b, &cases))
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, c := range cases.Tests {
		for _, a := range c.AlertRuleTest {
			if len(a.ExpAlerts) > 0 {
				fires[a.Alertname] = true
			} else {
				quiet[a.Alertname] = true
			}
		}
	}
	figures, books := known(t), map[string]bool{}
	for _, g := range r.Groups {
		for _, a := range g.Rules {
			requireKnown(t, figures, a.Expr, a.Alert)
			require.Contains(t, []string{"page", "ticket"}, a.Labels["severity"], a.Alert)
			require.NotEmpty(t, a.Annotations["summary"], a.Alert)
			require.True(t, fires[a.Alert] && quiet[a.Alert], "%s has no case in rules_test.yaml in which it fires, or none in which it does not", a.Alert)
			book := a.Annotations["runbook"]
			books[filepath.Base(book)] = true
			page, err := os.ReadFile(filepath.Join("../..", book))
			require.NoError(t, err, "the runbook of %s", a.Alert)
			require.Contains(t, string(page), "`"+a.Alert+"`", "%s does not say when the alert fires", book)
			for _, part := range []string{"## What it means", "## Look", "## Do"} {
				require.Contains(t, string(page), part, book)
			}
			requireKnown(t, figures, strings.ReplaceAll(string(page), "tienda_mail_...", ""), book)
		}
	}
	files, err := filepath.Glob("../../docs/runbooks/*.md")
	require.NoError(t, err)
	for _, f := range files {
		require.True(t, books[filepath.Base(f)], "%s is the runbook of no alert", f)
	}
}

func TestDashboards(t *testing.T) {
	files, err := filepath.Glob("../../observability/grafana/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	figures := known(t)
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		var d struct {
			UID    string
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		require.NoError(t, json.Unmarshal(b, &d), f)
		require.NotEmpty(t, d.UID, f)
		require.NotEmpty(t, d.Panels, f)
		for _, p := range d.Panels {
			require.NotEmpty(t, p.Targets, "%s: %s", f, p.Title)
			for _, target := range p.Targets {
				requireKnown(t, figures, target.Expr, f+": "+p.Title)
			}
		}
	}
}

// Every page of what is done to a shop in service begins with what it is, is in the list, and
// names tests that there are.
func TestOperationsNameTheirTests(t *testing.T) {
	list, err := os.ReadFile("../../docs/runbooks/operations/README.md")
	require.NoError(t, err)
	pages, err := filepath.Glob("../../docs/runbooks/operations/*.md")
	require.NoError(t, err)
	tests := map[string]bool{}
	require.NoError(t, filepath.WalkDir("../..", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, name := range testNames.FindAllStringSubmatch(string(b), -1) {
			tests[name[1]] = true
		}
		return err
	}))
	for _, page := range pages {
		b, err := os.ReadFile(page)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(b), "# "), page)
		if filepath.Base(page) == "README.md" {
			continue
		}
		require.Contains(t, string(list), "("+filepath.Base(page)+")")
		require.Contains(t, string(b), "ried", "%s does not say what tries it", page)
		for _, name := range testsNamed.FindAllString(string(b), -1) {
			require.True(t, tests[name], "%s names %s, which is no test", page, name)
		}
	}
}

var (
	testNames  = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	testsNamed = regexp.MustCompile(`\bTest[A-Z]\w+`)
)
