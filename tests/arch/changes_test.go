package arch

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// The migration hears the topic of every app that owns documents, and announces nothing;
// on every profile the topic's component lets it. It has no dead letters: it keeps what it
// cannot write by itself.
func TestTheMigrationHearsOfEveryDocument(t *testing.T) {
	heard := map[string]bool{}
	read(t, "../../dapr/subscriptions-migration.yaml", func(d *yaml.Decoder) error {
		var s subscription
		if err := d.Decode(&s); err != nil {
			return err
		}
		require.Equal(t, []string{"migration"}, s.Scopes)
		require.Equal(t, "events-"+s.Spec.Topic, s.Spec.PubSub)
		require.Equal(t, "/changes/"+s.Spec.Topic, s.Spec.Routes.Default)
		require.Empty(t, s.Spec.Routes.Rules)
		require.Empty(t, s.Spec.DeadLetter)
		heard[s.Spec.Topic] = true
		return nil
	})
	require.Equal(t, map[string]bool{"catalog": true, "users": true, "orders": true, "support": true}, heard)
	for _, profile := range []string{"local", "redis", "postgres"} {
		for topic := range heard {
			read(t, filepath.Join("../../components", profile, "events-"+topic+".yaml"), func(d *yaml.Decoder) error {
				var c struct {
					Spec struct {
						Metadata []struct{ Name, Value string }
					}
					Scopes []string
				}
				if err := d.Decode(&c); err != nil {
					return err
				}
				require.Contains(t, c.Scopes, "migration")
				found := map[string]string{}
				for _, m := range c.Spec.Metadata {
					found[m.Name] = m.Value
				}
				require.Contains(t, strings.Split(found["subscriptionScopes"], ";"), "migration="+topic)
				require.Contains(t, strings.Split(found["publishingScopes"], ";"), "migration=")
				return nil
			})
		}
	}
}
