// Package contracts embeds the contracts of every service: OpenAPI documents,
// the JSON Schemas of the events, and golden examples. Services in other
// languages take the files; ours are checked against them.
package contracts

import "embed"

// FS holds openapi/*.yaml, events/*.schema.json and examples/**.
//
//go:embed all:openapi all:events all:examples
var FS embed.FS
