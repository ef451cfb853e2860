//! Strava's account archive: two real tables, and archives made here.

use std::io::{Cursor, Read, Write};

use crate::facts::data;
use flate2::Compression;
use pacelake_pipeline::decode::archive::{Archive, Content, Member, gunzip};
use pacelake_pipeline::decode::strava::{ArchiveRow, read_table};
use pacelake_pipeline::decode::{FileKind, Limits, decode, recognise};
use pacelake_pipeline::recording::{Format, Recording};
use storage::{Code, Failure};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in members {
        writer
            .start_file(*path, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gz_of(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn members(archive: &[u8], limits: &Limits) -> Vec<Member> {
    Archive::open(Cursor::new(archive), limits)
        .unwrap()
        .collect()
}

/// Path, and what it holds or the code of its failure.
fn summary(members: &[Member]) -> Vec<(&str, &str)> {
    members
        .iter()
        .map(|member| {
            let holds = match &member.content {
                Ok(Content::Recording(_)) => "recording",
                Ok(Content::Activities(_)) => "activities",
                Ok(Content::Ignored) => "ignored",
                Err(error) => error.code().name(),
            };
            (member.path.as_str(), holds)
        })
        .collect()
}

fn file(path: &str) -> Vec<u8> {
    std::fs::read(data("recordings").join(path)).unwrap()
}

fn rows(table: &[u8]) -> Vec<ArchiveRow> {
    let rows = read_table(table, &Limits::default()).unwrap();
    rows.into_iter().map(Result::unwrap).collect()
}

fn rows_of(header: &str, lines: &[&str]) -> Vec<Recording> {
    let table = format!("{header}\n{}\n", lines.join("\n"));
    rows(table.as_bytes())
        .into_iter()
        .map(|row| row.recording)
        .collect()
}

#[test]
fn a_real_row_starts_when_its_own_file_starts() {
    let rows = rows(&file("strava/sample-2024/activities.csv"));
    let row = &rows[0];
    assert_eq!(
        (rows.len(), row.external_id.as_str()),
        (1, "strava:12070555079")
    );
    // The number in the file's name is another one.
    assert_eq!(row.file.as_deref(), Some("activities/12866632127.fit.gz"));
    assert_eq!(row.recording.sport.as_deref(), Some("Run"));
    assert_eq!(row.recording.claims.distance_m, Some(3_322.949951171875));

    let packed = file("strava/sample-2024/activities/12866632127.fit.gz");
    let bytes = gunzip(packed, &Limits::default()).unwrap();
    let mut recordings = decode(&bytes, &Limits::default()).unwrap();
    let first = recordings[0].samples[0].time_ms;
    assert_eq!(row.recording.claimed_start_ms, Some(first as i64));
    row.join(&mut recordings);
    assert_eq!(
        recordings[0].claims.external_id,
        Some(row.external_id.clone())
    );
    assert_eq!(
        recordings[0].claims.name.as_deref(),
        Some("Laufen Landal Park")
    );
}

#[test]
fn a_real_table_of_1845_rows_says_what_python_reads_in_it() {
    let table = gunzip(
        file("strava/james-scott-2025/activities.csv.gz"),
        &Limits::default(),
    );
    let rows = rows(&table.unwrap());
    let sum = |value: fn(&ArchiveRow) -> Option<f64>| rows.iter().filter_map(value).sum::<f64>();
    let count = |what: fn(&ArchiveRow) -> bool| rows.iter().filter(|row| what(row)).count();
    assert_eq!(rows.len(), 1_845);
    assert_eq!(
        format!("{:.3}", sum(|r| r.recording.claims.distance_m)),
        "46564368.750"
    );
    // Twenty rows lack the second elapsed time and have the first.
    assert_eq!(sum(|r| r.recording.claims.elapsed_s), 28_320_012.0);
    assert_eq!(
        format!("{:.3}", sum(|r| r.recording.claims.climb_m)),
        "706058.301"
    );
    let starts = || rows.iter().filter_map(|row| row.recording.claimed_start_ms);
    assert_eq!(starts().min(), Some(1_412_525_721_000));
    assert_eq!(starts().max(), Some(1_756_159_165_000));
    assert_eq!(
        starts().map(|ms| ms / 1_000).sum::<i64>(),
        3_043_119_110_955
    );
    assert_eq!(count(|r| r.recording.claims.gear.is_some()), 827);
    assert_eq!(count(|r| r.recording.claims.calories_kcal.is_some()), 1_667);
    assert_eq!(count(|r| r.recording.claims.commute == Some(false)), 1_845);
}

#[test]
fn a_row_is_the_same_recording_again_from_what_is_kept_of_it() {
    let table = gunzip(
        file("strava/james-scott-2025/activities.csv.gz"),
        &Limits::default(),
    );
    for row in rows(&table.unwrap()) {
        let kept = row.canonical_json.as_bytes();
        assert_eq!(recognise(kept), Some(FileKind::StravaRow));
        assert_eq!(decode(kept, &Limits::default()).unwrap(), [row.recording]);
    }
}

#[test]
fn private_columns_are_not_kept() {
    let header = std::fs::read_to_string(data("recordings/strava/sample-2024/activities.csv"));
    let header = header.unwrap().lines().next().unwrap().to_owned();
    let line = "7,\"May 9, 2026, 2:03:01 PM\",Evening,Run,\"slow, \"\"easy\"\"\",60,0.2,,,false,\
        secret,Shoes,,70.5";
    let table = format!("{header}\n{line}\n");
    let row = &rows(table.as_bytes())[0];
    assert!(!row.canonical_json.contains("secret") && !row.canonical_json.contains("70.5"));
    assert_eq!(row.file, None);
    assert_eq!(row.recording.format, Format::StravaArchive);
    assert_eq!(
        row.recording.claims.description.as_deref(),
        Some("slow, \"easy\"")
    );
    assert_eq!(row.recording.claims.distance_m, Some(200.0));
}

#[test]
fn german_french_dutch_and_chinese_rows_say_the_same() {
    let german = "\u{feff}Aktivitäts-ID,Aktivitätsdatum,Name der Aktivität,Aktivitätsart,\
        Aktivitätsbeschreibung,Verstrichene Zeit,Distanz,Max. Herzfrequenz,Relative Leistung,\
        Pendeln,Notiz,Aktivitätsausrüstung,Dateiname,Gewicht,Fahrradgewicht,Verstrichene Zeit,\
        Bewegungszeit,Distanz";
    let french = "ID de l\u{2019}activité,Date de l'activité,Nom,Type d'activité,Description,\
        Temps écoulé,Distance,FC,Effort,Trajet,Note,Matériel,Fichier,Poids,Poids du vélo,\
        Temps écoulé,Durée de déplacement,Distance";
    let dutch = "Activiteits-ID,Datum van activiteit,Naam activiteit,Activiteitstype,Beschrijving,\
        Verstreken tijd,Afstand,Max. hartslag,Inspanning,Woon-werk,Notitie,Materiaal,Bestandsnaam,\
        Gewicht,Fietsgewicht,Verstreken tijd,Beweegtijd,Afstand";
    let rest = ",1800,\"5,02\",,,false,,Schuhe,activities/9.gpx.gz,,,\"1800,5\",1750,\"5020,5\"";
    for (header, start) in [
        (german, "7,\"09.05.2026, 14:03:01\",Runde,Lauf"),
        (french, "7,\"9 mai 2026 à 14:03:01\",Runde,Course à pied"),
        (dutch, "7,\"9 mei 2026, 14:03:01\",Runde,Hardloopsessie"),
    ] {
        let line = format!("{start},{rest}");
        let recording = &rows_of(header, &[&line])[0];
        let claims = &recording.claims;
        assert_eq!(recording.sport.as_deref(), Some("Run"), "{header}");
        assert_eq!(
            recording.claimed_start_ms,
            Some(1_778_335_381_000),
            "{header}"
        );
        assert_eq!(claims.distance_m, Some(5_020.5), "{header}");
        assert_eq!(claims.elapsed_s, Some(1_800.5), "{header}");
        assert_eq!(claims.moving_s, Some(1_750.0), "{header}");
        assert_eq!(claims.gear.as_deref(), Some("Schuhe"), "{header}");
    }
    let chinese = "活动 ID,活动日期,活动名称,活动类型,活动描述,全程耗时,距离,文件名";
    let line = "7,2026年5月9日 14:03:01,晨跑,骑行,\"\",13127,87.69,activities/2.fit.gz";
    let recording = &rows_of(chinese, &[line])[0];
    assert_eq!(recording.sport.as_deref(), Some("Ride"));
    assert_eq!(recording.claimed_start_ms, Some(1_778_335_381_000));
    assert_eq!(recording.claims.distance_m, Some(87_690.0));
}

#[test]
fn the_table_of_2019_is_read_in_si_units() {
    let header = "id,date,name,type,description,elapsed_time,distance,commute,gear,filename";
    let line = "7,2018-03-10 14:22:33,Run,Run,,1800,5020.5,true,,activities/7.gpx";
    let recording = &rows_of(header, &[line])[0];
    assert_eq!(recording.claims.distance_m, Some(5_020.5));
    assert_eq!(recording.claims.commute, Some(true));
    assert_eq!(recording.claimed_start_ms, Some(1_520_691_753_000));
}

#[test]
fn where_the_second_distance_is_missing_the_first_has_the_unit_of_its_sport() {
    let header = "Activity ID,Activity Date,Activity Type,Distance";
    let lines = [
        "1,2026-05-09 14:03:01,Ride,2.5",
        "2,2026-05-09 14:03:01,Swim,1500",
        "3,2026-05-09 14:03:01,Sail,10",
    ];
    let metres: Vec<_> = rows_of(header, &lines)
        .iter()
        .map(|r| r.claims.distance_m)
        .collect();
    assert_eq!(metres, [Some(2_500.0), Some(1_500.0), Some(18_520.0)]);
}

#[test]
fn a_bad_row_does_not_keep_the_others_out() {
    let table = "Activity ID,Activity Date,Distance\n,2026-05-09 14:03:01,1\n\
        8,#error#,1\n9,2026-05-09 14:03:01,#error#\n";
    let rows = read_table(table.as_bytes(), &Limits::default()).unwrap();
    let reasons: Vec<_> = rows
        .iter()
        .map(|row| row.as_ref().map_err(|e| e.to_string()))
        .collect();
    assert_eq!(
        reasons[0],
        Err("line 2 of activities.csv: it has no activity id".to_owned())
    );
    assert_eq!(
        reasons[1],
        Err("line 3 of activities.csv: it has no date".to_owned())
    );
    let last = reasons[2].as_ref().unwrap();
    assert_eq!(last.recording.claims.distance_m, None);
}

#[test]
fn an_unknown_or_long_table_is_refused() {
    let limits = Limits {
        table_rows: 1,
        ..Limits::default()
    };
    let unknown = read_table(b"a,b,c\n1,2,3\n", &limits).unwrap_err();
    assert_eq!(unknown.code(), Code::DamagedArchive);
    assert_eq!(
        read_table(b"", &limits).unwrap_err().code(),
        Code::DamagedArchive
    );
    let table = b"Activity ID,Activity Date\n1,x\n2,x\n";
    let long = read_table(table, &limits).unwrap_err();
    assert_eq!(long.to_string(), "over 1 rows in activities.csv");
    let limits = Limits {
        table_row_bytes: 40,
        ..Limits::default()
    };
    let wide = format!("Activity ID,Activity Date\n1,{}\n", "x".repeat(50));
    let wide = read_table(wide.as_bytes(), &limits).unwrap_err();
    assert_eq!(
        wide.to_string(),
        "over 40 bytes in one row of activities.csv"
    );
}

#[test]
fn of_an_account_archive_only_activities_are_opened() {
    let gpx = file("gpx/wahoo_example.gpx");
    let packed = gz_of(&gpx);
    for folder in ["", "export_123/"] {
        let paths = [
            "contacts.csv",
            "activities/1.gpx.gz",
            "media/a.gpx",
            "activities.csv",
        ];
        let paths = paths.map(|path| format!("{folder}{path}"));
        let archive = zip_of(&[
            (&paths[0], &gpx),
            (&paths[1], &packed),
            (&paths[2], &gpx),
            (&paths[3], b"Activity ID,Activity Date\n"),
        ]);
        let members = members(&archive, &Limits::default());
        let expected = [
            (paths[3].as_str(), "activities"),
            (&paths[0], "ignored"),
            (&paths[1], "recording"),
            (&paths[2], "ignored"),
        ];
        assert_eq!(summary(&members), expected);
        assert_eq!(
            members[2].content.as_ref().unwrap(),
            &Content::Recording(gpx.clone())
        );
    }
}

#[test]
fn other_archives_give_what_is_a_recording_by_its_content() {
    let gpx = file("gpx/wahoo_example.gpx");
    let inner = zip_of(&[("deep/name.txt", &gpx), ("notes.txt", b"hello")]);
    let archive = zip_of(&[
        ("inner.zip", &inner),
        ("a/b/1.bin", &file("fit/garmin-fenix-5-run.fit")),
        ("photo.fit", b"not a recording"),
        ("../../escape.gpx", &gpx),
    ]);
    let expected = [
        ("inner.zip/deep/name.txt", "recording"),
        ("inner.zip/notes.txt", "ignored"),
        ("a/b/1.bin", "recording"),
        ("photo.fit", "ignored"),
        ("../../escape.gpx", "recording"),
    ];
    assert_eq!(summary(&members(&archive, &Limits::default())), expected);
}

#[test]
fn members_depth_and_expansion_are_bounded() {
    let gpx = file("gpx/wahoo_example.gpx");
    let limits = Limits {
        archive_members: 3,
        container_depth: 2,
        expansion: 20,
        bytes: 4 << 20,
        ..Limits::default()
    };
    let four = zip_of(&[("1", b""), ("2", b""), ("3", b""), ("4", b"")]);
    let error = Archive::open(Cursor::new(&four), &limits).err().unwrap();
    assert_eq!(error.to_string(), "over 3 members in one archive");

    let deep = zip_of(&[("b.zip", &zip_of(&[("c.zip", &zip_of(&[("d.gpx", &gpx)]))]))]);
    assert_eq!(
        summary(&members(&deep, &limits)),
        [("b.zip/c.zip", "input_too_large")]
    );
    let in_gz = zip_of(&[("b.gz", &gz_of(&gz_of(&gpx)))]);
    assert_eq!(
        summary(&members(&in_gz, &limits)),
        [("b.gz", "input_too_large")]
    );

    let bomb = zip_of(&[("bomb.gpx", &vec![b' '; 3 << 20]), ("good.gpx", &gpx)]);
    let expected = [("bomb.gpx", "input_too_large"), ("good.gpx", "recording")];
    assert_eq!(summary(&members(&bomb, &limits)), expected);
    let error = gunzip(gz_of(&vec![b' '; 3 << 20]), &limits).unwrap_err();
    assert_eq!(error.to_string(), "over 20 times its packed size");
}

#[test]
fn an_archive_unpacks_to_so_much_in_all() {
    let noise: Vec<u8> = (0..600_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let four = ["1", "2", "3", "4"].map(|path| (path, noise.as_slice()));
    let archive = zip_of(&four);
    let limits = Limits {
        archive_bytes: 5_000_000,
        ..Limits::default()
    };
    let members = members(&archive, &limits);
    let expected = [("1", "ignored"), ("2", "ignored"), ("3", "input_too_large")];
    // After that nothing more is unpacked.
    assert_eq!(summary(&members), expected);
    let error = members[2].content.as_ref().unwrap_err();
    assert_eq!(
        error.to_string(),
        "over 5000000 bytes unpacked from one archive"
    );
}

#[test]
fn damaged_containers_say_so() {
    let archive = zip_of(&[("1.gpx", &file("gpx/wahoo_example.gpx"))]);
    let error = Archive::open(Cursor::new(&archive[..60]), &Limits::default())
        .err()
        .unwrap();
    assert_eq!(error.code(), Code::DamagedArchive);

    let mut packed = gz_of(&file("gpx/2025-08-30_hike_cadzand.gpx"));
    packed.truncate(packed.len() / 2);
    // What could be unpacked is a recording whose end is missing.
    let half = gunzip(packed.clone(), &Limits::default()).unwrap();
    let recordings = decode(&half, &Limits::default()).unwrap();
    assert_eq!(recordings[0].findings.len(), 1);
    packed[40] ^= 0xff;
    packed[41] ^= 0xff;
    assert!(gunzip(packed, &Limits::default()).map_or(true, |bytes| bytes != half));
}

#[test]
fn a_real_archive_gives_its_table_and_its_run() {
    let mut run = Vec::new();
    let packed = file("strava/sample-2024/activities/12866632127.fit.gz");
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut run)
        .unwrap();
    let archive = zip_of(&[
        ("activities/12866632127.fit.gz", &packed),
        ("activities.csv", &file("strava/sample-2024/activities.csv")),
        ("media.csv", &file("strava/sample-2024/media.csv")),
    ]);
    let members = members(&archive, &Limits::default());
    let expected = [
        ("activities.csv", "activities"),
        ("activities/12866632127.fit.gz", "recording"),
        ("media.csv", "ignored"),
    ];
    assert_eq!(summary(&members), expected);
    assert_eq!(
        members[1].content.as_ref().unwrap(),
        &Content::Recording(run)
    );
}
