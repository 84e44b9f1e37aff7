package ingress

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the manifests say is in the configuration, and what they could say and is not known
// here is refused.
func TestTheConfigurationIsThatOfTheManifests(t *testing.T) {
	s, err := read("../..", Overlay)
	require.NoError(t, err)
	require.Equal(t, "shop.localhost", s.Host)
	here := machine{Dir: "/d", HTTP: 1, HTTPS: 2, Sidecar: 3}
	made, err := derive(s, here)
	require.NoError(t, err)
	conf, err := made.configuration()
	require.NoError(t, err)
	for _, want := range []string{
		`server_name "shop.localhost";`, "rate=100r/s;", "burst=500 nodelay;", "_conn 100;", "client_max_body_size 5m;", "proxy_next_upstream off;",
		`rewrite "(?i)/([^?#\\x00-\\x1f\\x7f-\\xff]*)\\z" /v1.0/invoke/gateway.tienda/method/$1 break;`, `location ~* "^/([^?#\\x00-\\x1f\\x7f-\\xff]*)\\z"`,
		"proxy_pass_request_headers off;", `proxy_set_header Cart-Token "$http_cart_token";`, "proxy_set_header X-Forwarded-For $remote_addr;", "limit_req_status 599;", "proxy_read_timeout 60s;",
		"proxy_set_header Connection keep-alive;",
	} {
		require.Contains(t, conf, want)
	}
	require.Equal(t, 2, strings.Count(conf, "location @problem"), "the snippet is in every server")

	other := *s
	other.annotations = maps.Clone(s.annotations)
	other.annotations["limit-burst-multiplier"] = "2"
	made, err = derive(&other, here)
	require.NoError(t, err)
	require.Equal(t, 200, made.Burst)
	other.annotations["server-alias"] = "x"
	_, err = derive(&other, here)
	require.ErrorContains(t, err, "the annotation server-alias is not known here")
	for key, v := range map[string]string{"use-gzip": "true", "hsts": "true", "limit-req-status-code": "many"} {
		other := *s
		other.config = maps.Clone(s.config)
		other.config[key] = v
		_, err = derive(&other, here)
		require.ErrorContains(t, err, key)
	}
}

func TestPatchesOfAnOverlay(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "kustomization.yaml")
	patches := func(ops string) {
		require.NoError(t, os.WriteFile(file, []byte("patches:\n  - target: {kind: Ingress}\n    patch: |-\n      "+ops+"\n"), 0o600))
	}
	patches("- {op: replace, path: /a/0/b~1c, value: new}")
	out, err := patched([]byte("a: [{b/c: old}]"), file)
	require.NoError(t, err)
	require.Equal(t, "a:\n    - b/c: new\n", string(out))
	for ops, want := range map[string]string{
		"- {op: remove, path: /a}":               `the patch "remove" is not known`,
		"- {op: replace, path: /a/9, value: x}":  "is no element",
		"- {op: replace, path: /x/y, value: no}": "is not there",
	} {
		patches(ops)
		_, err := patched([]byte("a: [1]"), file)
		require.ErrorContains(t, err, want)
	}
}

// Without the program that INGRESS names a run fails, and says what to install.
func TestAMissingNginxIsTold(t *testing.T) {
	t.Setenv("INGRESS", "no-such-nginx")
	_, err := Prepare(t.TempDir())
	require.ErrorContains(t, err, "apt-get install nginx libnginx-mod-http-headers-more-filter")
}
