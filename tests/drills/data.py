"""What a cluster holds for its users: rows in the database, and shared files."""

import shlex

from cluster.yard import Running

FOLDER = "/mnt/efs/apps/timeoff/drill"
#: In the data, and nowhere else.
CANARY = "canary-5d1f8e"
ROWS = 5000
#: Prints where the database answers: another one's may answer elsewhere.
_ADDRESS = "python3 -c {}".format(
    shlex.quote(
        "import json; "
        "print(json.load(open('/etc/beeyard/backups.json'))['kinds']['database']['address'])"
    )
)


class Data:
    """What a cluster holds for its users: a table and some files."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def on_manager(self, script: str) -> str:
        """Run a script on the first manager, as root."""
        return self._running.yard.run("ssh", "manager-1", "--", f"sudo sh -c {shlex.quote(script)}")

    def sql(self, statement: str) -> str:
        """What the application's own user gets as an answer."""
        return self.on_manager(
            'MYSQL_PWD="$(cat /etc/beeyard/secrets/timeoff_database_password)" '
            f'mariadb --host="$({_ADDRESS})" --user=timeoff --batch --skip-column-names '
            f"--execute={shlex.quote(statement)} timeoff"
        )

    def write(self) -> None:
        self.sql(
            "CREATE TABLE drill (id INT PRIMARY KEY, note TEXT, data BLOB);"
            f"INSERT INTO drill SELECT seq, CONCAT('{CANARY} ', seq, '\\n'), UNHEX(SHA2(seq, 256)) "
            f"FROM seq_1_to_{ROWS};"
            "CREATE VIEW drill_view AS SELECT COUNT(*) AS many FROM drill;"
        )
        self.on_manager(
            f"mkdir -p {FOLDER}/deep && cd {FOLDER} && "
            f"echo {CANARY} > note && seq 1 20000 > deep/numbers && touch 'a b' && "
            "chmod 640 note && chown 1234:2345 note && ln -s note link"
        )

    def damage(self) -> None:
        self.sql("DROP VIEW drill_view; DROP TABLE drill; CREATE TABLE other (id INT)")
        self.on_manager(f"rm -rf {FOLDER} && echo new > {FOLDER}-else")

    def look(self) -> dict[str, str]:
        """All of it, to be compared."""
        files = f"find {FOLDER}* -printf '%P %y %m %U:%G %l\\n' | sort; "
        return {
            "rows": self.sql(
                "SELECT COUNT(*), SUM(CRC32(CONCAT(id, note, HEX(data)))) FROM drill; "
                "SELECT many FROM drill_view; SHOW TABLES"
            ),
            "files": self.on_manager(f"{files} cat {FOLDER}/note {FOLDER}/deep/numbers"),
        }

    def remove(self) -> None:
        self.sql("DROP VIEW IF EXISTS drill_view; DROP TABLE IF EXISTS drill, other")
        self.on_manager(f"rm -rf {FOLDER} {FOLDER}-else")
