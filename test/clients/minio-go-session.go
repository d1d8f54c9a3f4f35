// minio-go against the server in LITEIO_TEST_ENDPOINT: streams of known and unknown length with every checksum it has, read back,
// looked at and copied. Any difference ends it with 1.
package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net/url"
	"os"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const bucket = "minio-go"

var kinds = []minio.ChecksumType{
	0,
	minio.ChecksumCRC32,
	minio.ChecksumCRC32C,
	minio.ChecksumSHA1,
	minio.ChecksumSHA256,
	minio.ChecksumCRC64NVME,
	minio.ChecksumFullObjectCRC32,
	minio.ChecksumFullObjectCRC32C,
}

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		fmt.Println("minio-go-session")
		return
	}
	endpoint, err := url.Parse(os.Getenv("LITEIO_TEST_ENDPOINT"))
	must(err, "the endpoint")
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:           credentials.NewStaticV4(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
		TrailingHeaders: true,
	})
	must(err, "the client")
	must(client.MakeBucket(context.Background(), bucket, minio.MakeBucketOptions{}), "the bucket")
	for _, bytes := range []int{5_000, 17_000_000} {
		body := make([]byte, bytes)
		rand.New(rand.NewSource(1)).Read(body)
		for at, kind := range kinds {
			for _, declared := range []int64{-1, int64(bytes)} {
				key := fmt.Sprintf("%d %v/%d of %d", at, kind, declared, bytes)
				put(client, key, upload{body, declared, kind})
			}
		}
	}
	fmt.Println("minio-go: all differences would have ended it")
}

type upload struct {
	body     []byte
	declared int64
	kind     minio.ChecksumType
}

func put(client *minio.Client, key string, of upload) {
	ctx := context.Background()
	// Hidden from the client: where it could seek, it would know the length.
	stream := struct{ io.Reader }{bytes.NewReader(of.body)}
	info, err := client.PutObject(ctx, bucket, key, stream, of.declared, minio.PutObjectOptions{PartSize: 5 << 20, Checksum: of.kind})
	must(err, key)
	object, err := client.GetObject(ctx, bucket, key, minio.GetObjectOptions{Checksum: true})
	must(err, key)
	read, err := io.ReadAll(object)
	must(err, key)
	if !bytes.Equal(read, of.body) {
		log.Fatalf("%s: other bytes came back", key)
	}
	stat, err := client.StatObject(ctx, bucket, key, minio.StatObjectOptions{Checksum: true})
	must(err, key)
	said := []string{info.ETag, info.ChecksumCRC32, info.ChecksumCRC32C, info.ChecksumSHA1, info.ChecksumSHA256, info.ChecksumCRC64NVME}
	shown := []string{stat.ETag, stat.ChecksumCRC32, stat.ChecksumCRC32C, stat.ChecksumSHA1, stat.ChecksumSHA256, stat.ChecksumCRC64NVME}
	if fmt.Sprint(said) != fmt.Sprint(shown) {
		log.Fatalf("%s: the upload said %v, the object says %v", key, said, shown)
	}
	copied, err := client.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "copy"}, minio.CopySrcOptions{Bucket: bucket, Object: key})
	must(err, key)
	if expected := fmt.Sprintf("%x", md5.Sum(of.body)); copied.ETag != expected {
		log.Fatalf("%s: the copy has the ETag %s instead of %s", key, copied.ETag, expected)
	}
}

func must(err error, what string) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}
