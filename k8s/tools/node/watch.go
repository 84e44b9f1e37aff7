package main

import (
	"context"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// watch follows what the API server has, until ctx ends; want asks for what is to be
// followed. The file says where the server is.
func watch(ctx context.Context, file string, want func(informers.SharedInformerFactory)) error {
	r, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(r)
	if err != nil {
		return err
	}
	f := informers.NewSharedInformerFactory(client, 0)
	want(f)
	f.Start(ctx.Done())
	f.WaitForCacheSync(ctx.Done())
	return nil
}
