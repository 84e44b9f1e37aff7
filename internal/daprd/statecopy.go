package daprd

// StateCopy is the program that copies the state of an app from one store to another, or to
// a file and back. It is in the sidecar's module, whose components it uses.
func StateCopy(sidecarSource string) Program {
	return Program{Name: "statecopy", What: "the tool that copies state", SourceDir: sidecarSource, Package: "./statecopy", Takes: "1 minute"}
}
