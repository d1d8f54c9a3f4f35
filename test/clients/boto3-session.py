"""boto3, plain calls, against the endpoint in LITEIO_TEST_ENDPOINT. Any difference raises."""
import hashlib
import io
import os
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import ClientError

endpoint = os.environ["LITEIO_TEST_ENDPOINT"]
print("boto3", boto3.__version__)


def client(**config):
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=Config(**config))


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        got = error.response["Error"]["Code"]
        assert got == code, f"{got} instead of {code}"
        assert error.response["ResponseMetadata"]["RequestId"]
        return
    raise AssertionError(f"not refused with {code}")


s3 = client()
s3.create_bucket(Bucket="boto")
refused("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket="boto")
body = bytes(range(256)) * 1000
put = s3.put_object(Bucket="boto", Key="a/ü +%.bin", Body=body, Metadata={"who": "boto"}, ContentType="text/x-test")
assert put["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
got = s3.get_object(Bucket="boto", Key="a/ü +%.bin")
assert got["Body"].read() == body and got["Metadata"] == {"who": "boto"} and got["ContentType"] == "text/x-test"
assert s3.get_object(Bucket="boto", Key="a/ü +%.bin", Range="bytes=10-19")["Body"].read() == body[10:20]
refused("NoSuchKey", s3.get_object, Bucket="boto", Key="none")
refused("404", s3.head_object, Bucket="boto", Key="none")
refused("InvalidRange", s3.get_object, Bucket="boto", Key="a/ü +%.bin", Range="bytes=9999999-")

big = os.urandom(1 << 20) * 21
config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=4)
s3.upload_fileobj(io.BytesIO(big), "boto", "big", Config=config)
back = io.BytesIO()
s3.download_fileobj("boto", "big", back, Config=config)
assert back.getvalue() == big
assert s3.head_object(Bucket="boto", Key="big")["ETag"].endswith('-5"')

for i in range(25):
    s3.put_object(Bucket="boto", Key=f"list/{i:03}", Body=b"x")
pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="boto", Prefix="list/", PaginationConfig={"PageSize": 10}))
assert [len(page["Contents"]) for page in pages] == [10, 10, 5]
assert [p["Prefix"] for p in s3.list_objects_v2(Bucket="boto", Delimiter="/")["CommonPrefixes"]] == ["a/", "list/"]
s3.copy_object(Bucket="boto", Key="copy", CopySource={"Bucket": "boto", "Key": "a/ü +%.bin"})
assert s3.get_object(Bucket="boto", Key="copy")["Body"].read() == body
s3.copy({"Bucket": "boto", "Key": "big"}, "boto", "big-copy", Config=config)
assert s3.get_object(Bucket="boto", Key="big-copy")["Body"].read() == big

url = s3.generate_presigned_url("get_object", Params={"Bucket": "boto", "Key": "copy"}, ExpiresIn=60)
import urllib.request

assert urllib.request.urlopen(url).read() == body
unsigned = client(signature_version="s3v4", s3={"payload_signing_enabled": False})
unsigned.put_object(Bucket="boto", Key="unsigned", Body=b"u")
path = client(s3={"addressing_style": "path"})
assert path.get_object(Bucket="boto", Key="unsigned")["Body"].read() == b"u"

s3.put_bucket_versioning(Bucket="boto", VersioningConfiguration={"Status": "Enabled"})
v1 = s3.put_object(Bucket="boto", Key="v", Body=b"1")["VersionId"]
v2 = s3.put_object(Bucket="boto", Key="v", Body=b"2")["VersionId"]
marker = s3.delete_object(Bucket="boto", Key="v")
assert marker["DeleteMarker"] is True
assert s3.get_object(Bucket="boto", Key="v", VersionId=v1)["Body"].read() == b"1"
s3.delete_object(Bucket="boto", Key="v", VersionId=marker["VersionId"])
assert s3.get_object(Bucket="boto", Key="v")["Body"].read() == b"2"

resource = boto3.resource("s3", endpoint_url=endpoint, region_name="us-east-1")
resource.Bucket("boto").object_versions.delete()
s3.delete_bucket(Bucket="boto")
refused("NoSuchBucket", s3.list_objects_v2, Bucket="boto")
print("boto3: all differences would have raised")
sys.exit(0)
