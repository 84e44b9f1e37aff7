//go:build k8s

package k8s

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a cluster has found (make k8s-e2e) and no server refuses: an image that is loaded into a
// cluster as "latest" is pulled all the same unless the pod says otherwise, and letters lead to
// 127.0.0.1 unless users knows where the shop is.
func TestWhatAClusterHasFound(t *testing.T) {
	for name, overlay := range everyOverlay(t) {
		for _, o := range built(t, overlay) {
			for _, c := range o.Spec.Template.Spec.Containers {
				if strings.HasSuffix(c.Image, ":latest") {
					require.Equal(t, "IfNotPresent", c.PullPolicy, "%s: %s of %s", name, c.Name, o)
				}
				if c.Name == "app" && o.Metadata.Name == "users" {
					require.True(t, slices.ContainsFunc(c.Env, func(e struct{ Name string }) bool { return e.Name == "USERS_SHOP_URL" }), name)
				}
			}
		}
	}
}
