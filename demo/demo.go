// Package demo is the data of a demonstration shop: accounts, one for each
// role, and products. It is loaded through the services' import routes.
package demo

import "embed"

// FS holds users.ndjson and products.ndjson, one import document a line.
//
//go:embed *.ndjson
var FS embed.FS
