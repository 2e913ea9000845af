"""Posts jobs from Python with COPY, a million if no number is given: python3 post.py 1000"""
import json
import sys

import psycopg

jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
with psycopg.connect() as connection, connection.cursor() as cursor:  # one transaction
    cursor.execute("create temporary table input (n serial, args jsonb) on commit drop")
    with cursor.copy("copy input (args) from stdin") as copy:
        for seed in range(jobs):
            copy.write_row([json.dumps([seed, {"rate": {"$number": "NaN"}}])])
    cursor.execute("select posting_id from pdoflow.begin_posting('fit.ts#fit')")
    (posting,) = cursor.fetchone()
    cursor.execute("""select sum(pdoflow.add_jobs(%s, part.args)) from (
        select array_agg(args order by n) as args from input
        group by n / 10000 order by n / 10000 offset 0) part""", [posting])
    cursor.execute("select pdoflow.end_posting(%s)", [posting])
print(posting)
