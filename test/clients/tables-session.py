"""pyarrow, deltalake, DuckDB's httpfs and the AWS CRT against the endpoint in LITEIO_TEST_ENDPOINT. Any difference raises."""
import multiprocessing
import os
import sys
import threading
from urllib.parse import urlsplit

import awscrt
import deltalake
import duckdb
import pyarrow
from pyarrow import dataset, fs

endpoint = os.environ["LITEIO_TEST_ENDPOINT"]
access_key = os.environ["AWS_ACCESS_KEY_ID"]
secret_key = os.environ["AWS_SECRET_ACCESS_KEY"]
bucket = "tables"
writers = 4
commits_per_writer = 5
rows_per_commit = 100
delta_options = {"endpoint_url": endpoint, "allow_http": "true", "region": "us-east-1"}


def filesystem():
    return fs.S3FileSystem(endpoint_override=endpoint, scheme=urlsplit(endpoint).scheme, region="us-east-1", allow_bucket_creation=True)


def arrow():
    s3 = filesystem()
    s3.create_dir(bucket)
    table = pyarrow.table({"day": [f"2026-11-{i % 30 + 1:02}" for i in range(30_000)], "n": range(30_000)})
    dataset.write_dataset(table, f"{bucket}/arrow", filesystem=s3, format="parquet", partitioning=["day"], partitioning_flavor="hive")
    back = dataset.dataset(f"{bucket}/arrow", filesystem=s3, format="parquet", partitioning="hive")
    assert back.count_rows() == 30_000 and len(back.files) == 30
    assert back.to_table(filter=dataset.field("day") == "2026-11-07").num_rows == 1000
    big = os.urandom(1 << 20) * 23
    with s3.open_output_stream(f"{bucket}/stream") as out:
        for at in range(0, len(big), 700_001):
            out.write(big[at : at + 700_001])
    with s3.open_input_file(f"{bucket}/stream") as stream:
        assert stream.size() == len(big)
        stream.seek(9_999_999)
        assert stream.read(1000) == big[9_999_999 : 9_999_999 + 1000]
        stream.seek(0)
        assert stream.read() == big
    s3.move(f"{bucket}/stream", f"{bucket}/moved +ü")
    assert s3.get_file_info(f"{bucket}/stream").type == fs.FileType.NotFound
    s3.delete_dir(f"{bucket}/arrow")
    assert [entry.path for entry in s3.get_file_info(fs.FileSelector(bucket))] == [f"{bucket}/moved +ü"]


def commit(writer):
    """Each commit is a PUT with If-None-Match: * of the next number of the log; who loses takes the number after it."""
    for at in range(commits_per_writer):
        rows = pyarrow.table({"writer": [writer] * rows_per_commit, "n": range(at * rows_per_commit, (at + 1) * rows_per_commit)})
        deltalake.write_deltalake(
            f"s3://{bucket}/delta",
            rows,
            mode="append",
            storage_options=delta_options,
            commit_properties=deltalake.CommitProperties(max_commit_retries=100),
        )


def delta():
    empty = pyarrow.schema([("writer", pyarrow.int64()), ("n", pyarrow.int64())])
    deltalake.DeltaTable.create(f"s3://{bucket}/delta", schema=deltalake.Schema.from_arrow(empty), storage_options=delta_options)
    with multiprocessing.get_context("spawn").Pool(writers) as pool:
        pool.map(commit, range(writers), chunksize=1)
    table = deltalake.DeltaTable(f"s3://{bucket}/delta", storage_options=delta_options)
    assert table.version() == writers * commits_per_writer, table.version()
    rows = pyarrow.table(table.to_pyarrow_table()).to_pydict()
    expected = {(writer, n) for writer in range(writers) for n in range(commits_per_writer * rows_per_commit)}
    assert len(rows["n"]) == len(expected) and set(zip(rows["writer"], rows["n"])) == expected
    table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert deltalake.DeltaTable(f"s3://{bucket}/delta", storage_options=delta_options).to_pyarrow_table().num_rows == len(expected)


def duck():
    import duckdb_ext

    db = duckdb.connect()
    db.execute("SET extension_directory = ?", [os.path.join(list(duckdb_ext.__path__)[0], "extensions")])
    db.execute("LOAD httpfs")
    parts = urlsplit(endpoint)
    db.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{access_key}', SECRET '{secret_key}', REGION 'us-east-1', ENDPOINT '{parts.netloc}', "
        f"URL_STYLE 'path', USE_SSL {str(parts.scheme == 'https').lower()})"
    )
    db.execute(f"COPY (SELECT range AS n, range % 7 AS day FROM range(200000)) TO 's3://{bucket}/duck' (FORMAT parquet, PARTITION_BY (day))")
    assert db.execute(f"SELECT count(*), sum(n) FROM read_parquet('s3://{bucket}/duck/*/*.parquet')").fetchone() == (200000, 19999900000)
    assert db.execute(f"SELECT count(*) FROM read_parquet('s3://{bucket}/duck/*/*.parquet', hive_partitioning = true) WHERE day = 3").fetchone() == (28571,)
    db.execute(f"COPY (SELECT range AS n FROM range(3000000)) TO 's3://{bucket}/duck.csv'")
    assert db.execute(f"SELECT sum(n) FROM read_csv('s3://{bucket}/duck.csv')").fetchone() == (4499998500000,)


def crt():
    """The transfer engine below today's CLI and SDKs: parallel parts, CRC64NVME in trailers."""
    from awscrt import auth, http, io, s3

    group = io.EventLoopGroup(2)
    bootstrap = io.ClientBootstrap(group, io.DefaultHostResolver(group))
    provider = auth.AwsCredentialsProvider.new_static(access_key, secret_key)
    signing = auth.AwsSigningConfig(
        algorithm=auth.AwsSigningAlgorithm.V4,
        credentials_provider=provider,
        region="us-east-1",
        service="s3",
        signed_body_value=auth.AwsSignedBodyValue.UNSIGNED_PAYLOAD,
        use_double_uri_encode=False,
        should_normalize_uri_path=False,
    )
    client = s3.S3Client(
        bootstrap=bootstrap, region="us-east-1", signing_config=signing, tls_mode=s3.S3RequestTlsMode.DISABLED, part_size=5 << 20, throughput_target_gbps=1
    )
    authority = urlsplit(endpoint).netloc

    def ask(kind, method, key, **arguments):
        headers = http.HttpHeaders([("Host", authority)])
        body = arguments.pop("body", None)
        stream = None
        if body is not None:
            headers.add("Content-Length", str(len(body)))
            import io as bytes_io

            stream = bytes_io.BytesIO(body)
        request = http.HttpRequest(method, f"/{bucket}/{key}", headers, stream)
        seen = {"status": 0, "headers": {}}

        def on_headers(status_code, headers, **_):
            seen["status"], seen["headers"] = status_code, {name.lower(): value for name, value in headers}

        client.make_request(type=kind, request=request, on_headers=on_headers, **arguments).finished_future.result(60)
        return seen

    body = os.urandom(1 << 20) * 21
    checksum = s3.S3ChecksumConfig(algorithm=s3.S3ChecksumAlgorithm.CRC64NVME, location=s3.S3ChecksumLocation.TRAILER)
    put = ask(s3.S3RequestType.PUT_OBJECT, "PUT", "crt", body=body, checksum_config=checksum)
    assert put["status"] == 200, put
    pieces, lock = {}, threading.Lock()

    def on_body(chunk, offset, **_):
        with lock:
            pieces[offset] = bytes(chunk)

    got = ask(s3.S3RequestType.GET_OBJECT, "GET", "crt", on_body=on_body, checksum_config=s3.S3ChecksumConfig(validate_response=True))
    assert got["status"] in (200, 206), got
    assert b"".join(pieces[offset] for offset in sorted(pieces)) == body


if __name__ == "__main__":
    print("pyarrow", pyarrow.__version__, "deltalake", deltalake.__version__, "duckdb", duckdb.__version__, "awscrt", awscrt.__version__)
    for part in (arrow, delta, duck, crt):
        part()
        print(part.__name__, "done", flush=True)
    print("tables: all differences would have raised")
    sys.exit(0)
