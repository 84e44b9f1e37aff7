package deploy

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

const root = "../.."

// decode gives the documents of a YAML file.
func decode[T any](t *testing.T, strict bool, path ...string) (docs []T) {
	t.Helper()
	file := filepath.Join(append([]string{root}, path...)...)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(strict)
	for {
		var doc T
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			require.NotEmpty(t, docs, file)
			return docs
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		docs = append(docs, doc)
	}
}

// app is an app and its sidecar, as any of the files has them.
type app struct {
	Command          string
	Port, HTTP, GRPC int
	Env              map[string]string
	Resources        string // the names of all files that the sidecar reads
	Config, LogLevel string
	MaxBody          string
}

// runFile is the part of a Multi-App Run file that others have to follow.
type runFile struct {
	Common struct {
		Resources []string `yaml:"resourcesPaths"`
		Config    string   `yaml:"configFilePath"`
		LogLevel  string   `yaml:"logLevel"`
		MaxBody   string   `yaml:"maxBodySize"`
		Buffer    string   `yaml:"readBufferSize"`
		Health    bool     `yaml:"enableAppHealthCheck"`
		Path      string   `yaml:"appHealthCheckPath"`
		Interval  string   `yaml:"appHealthProbeInterval"`
		Timeout   string   `yaml:"appHealthProbeTimeout"`
		Threshold string   `yaml:"appHealthThreshold"`
		Env       map[string]string
	}
	Apps []struct {
		ID      string `yaml:"appID"`
		Port    int    `yaml:"appPort"`
		HTTP    int    `yaml:"daprHTTPPort"`
		GRPC    int    `yaml:"daprGRPCPort"`
		Command []string
		Env     map[string]string
	}
}
