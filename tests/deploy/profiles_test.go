package deploy

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The run files of the other profiles are that of the shop, over other components; where
// events are in Redis too, nobody needs the embedded broker.
func TestEveryProfileHasTheSameRunFile(t *testing.T) {
	for profile, brokers := range map[string]int{"redis": 0, "postgres": 1} {
		want := decode[map[string]any](t, false, "dapr", "dapr.yaml")[0]
		common := want["common"].(map[string]any)
		resources := common["resourcesPaths"].([]any)
		require.Equal(t, "../components/local", resources[0])
		resources[0] = "../components/" + profile
		apps := want["apps"].([]any)
		if brokers == 0 {
			apps = slices.DeleteFunc(apps, func(a any) bool { return a.(map[string]any)["appID"] == "broker" })
			require.Len(t, apps, len(want["apps"].([]any))-1)
		}
		want["apps"] = apps
		require.Equal(t, want, decode[map[string]any](t, true, "dapr", profile+".yaml")[0], profile)
	}
}
